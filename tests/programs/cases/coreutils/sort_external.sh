# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Sorts that do not fit: temporary files, a compressor, a merge.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_lines 60000 1 >lines1
random_lines 60000 2 >lines2
sort -S 1M --compress-program=gzip lines1 | sha256sum
sort -S 500K --batch-size=3 lines1 lines2 | sha256sum
sort -o lines1 lines1
sort -o lines2 lines2
sort -m lines1 lines2 | sha256sum
comm -12 lines1 lines2 | wc -l
sort -c lines1 lines2 2>/dev/null || echo "refused: $?"
rm lines1 lines2
