# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Each of the small text tools over megabytes of lines.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_lines 60000 >lines
check() { "$@" | cksum; }
check tr a-z A-Z <lines
check cut -d' ' -f2,3 lines
check paste lines lines
check uniq -c <(cut -d' ' -f2 lines | sort)
check join -1 2 -2 2 <(head -5000 lines | sort -k2,2) <(tail -2000 lines | sort -k2,2)
check nl lines
check fold -w 7 lines
check expand -t 3 lines
check pr -3 -D date lines
check fmt -w 60 lines
check od -c lines
check base64 lines
check base32 lines
check numfmt --field=1 --to=iec --invalid=ignore <lines
check shuf --random-source=lines -n 3000 lines
check tail -n 12345 lines
check head -n -12345 lines
check tsort <(seq 4000 | paste - -)
check ptx -w 70 <(head -3000 lines)
check factor 1234567890123456789 {100000..103000}
base64 lines | base64 -d | cmp - lines && wc lines
rm lines
