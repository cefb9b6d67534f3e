# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Through gzip, bzip2 and xz, as pipes to child processes.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

make_tree tree
for letter in z j J; do
  GZIP=-n tar --sort=name --owner=0 --group=0 -c -$letter -f tree.tar.$letter tree 2>/dev/null
  sha256sum tree.tar.$letter
  tar -x -f tree.tar.$letter --transform "s/^tree/copy/"
  diff -r tree copy && echo identical
  rm -r copy
done
rm -r tree*
