# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A tree copied, linked, listed and measured.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

make_tree tree
cp -a tree copy
cp -r --sparse=always tree sparse
diff -r tree copy && diff -r tree sparse && echo identical
du -a --apparent-size copy | sort -k2
ls -lR --time-style=full-iso --numeric-uid-gid copy | sed 's/total .*/total/' | sha256sum
find copy -name '*.txt' -size -2k | wc -l
stat -c '%n %s %f %h %Y' copy/a/x/*
mv copy/a copy/renamed
rm -r copy/b sparse
ls copy
rm -r tree copy
