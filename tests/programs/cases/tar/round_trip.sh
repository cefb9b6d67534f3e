# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A tree packed and unpacked, in each of the formats.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

make_tree tree
for format in gnu pax ustar; do
  tar --format=$format --sort=name --owner=0 --group=0 --numeric-owner \
    --pax-option=delete=atime,delete=ctime -cf $format.tar tree
  sha256sum $format.tar
  tar -tvf $format.tar | sha256sum
  mkdir $format
  tar -xpf $format.tar -C $format
  diff -r tree $format/tree && echo identical
  find $format -printf "%P %m %n %TY-%Tm-%Td %l\n" | sort | sha256sum
done
rm -r tree gnu* pax* ustar*
