# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Sorts that fit into one large buffer.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_lines 150000 >lines
for keys in "" -n "-k2,2 -k1,1nr" -u "-t5 -k2" -r; do
  # shellcheck disable=SC2086 # several options in one word
  sort -S 200M --parallel=2 $keys lines | sha256sum
done
sort -S 64M -n -o lines lines
sort -c -n lines && echo sorted
rm lines
