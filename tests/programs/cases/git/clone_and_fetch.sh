# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Two processes that talk: upload-pack and index-pack.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

git init -q -b main origin
cd origin
random_bytes 3000000 >binary
git add .
git commit -q -m first
cd ..
git clone -q --no-local origin clone
cd origin
random_lines 50000 >text
git add .
git commit -q -m second
git tag -a -m 'a tag' v1
cd ../clone
git fetch -q --tags
git merge -q --ff-only origin/main
echo more >>text
git commit -q -a -m third
git push -q origin HEAD:refs/heads/pushed
cd ../origin
git log --format='%H %s' --all
git fsck --full
git bundle create -q ../all.bundle --all
cd ..
git clone -q -b pushed all.bundle from_bundle
git -C from_bundle log --format='%H %s'
git -C origin archive --format=tar v1 | sha256sum
rm -r origin clone from_bundle all.bundle
