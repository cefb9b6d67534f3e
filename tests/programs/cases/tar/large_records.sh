# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Records of megabytes, sparse files, appending, updating, comparing.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

make_tree tree
truncate -s 50M tree/sparse
printf end >>tree/sparse
tar --sort=name --owner=0 --group=0 --mtime=@0 -b 16384 -S -cf large.tar tree
stat -c %s large.tar
tar -b 16384 -xf large.tar --transform "s/^tree/copy/"
cmp tree/sparse copy/sparse && echo identical
echo appended >added
tar -rf large.tar --owner=0 --group=0 --mtime=@0 added
tar -df large.tar --no-same-owner added >/dev/null || echo "differs, status $?"
tar -tf large.tar | tail -2
head -c 100000 large.tar | tar -t >/dev/null 2>&1 || echo "cut short, status $?"
tar --delete -f large.tar added
tar -xOf large.tar tree/large.bin | sha256sum
rm -r tree copy added large.tar
