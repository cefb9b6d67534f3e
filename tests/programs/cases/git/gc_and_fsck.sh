# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Packing: threads, delta windows, maps of large files.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

git init -q -b main repository
cd repository
for i in {1..8}; do
  random_lines 20000 "$i" >text
  random_lines 10000 1 >>text
  git add text
  git commit -q -m "commit $i"
done
# Which deltas several threads find depends on which is faster.
git -c pack.threads=1 gc -q --aggressive --prune=now
sha256sum .git/objects/pack/*.pack .git/objects/pack/*.idx
git fsck --full --strict
git verify-pack -v .git/objects/pack/*.idx | sha256sum
git -c pack.threads=2 repack -q -a -d -f
git fsck --full
git rev-list --objects --all | sha256sum
git count-objects -v | grep -v size
cd ..
rm -r repository
