# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# grep, sed, awk, diff, patch-like round trips and xargs on large lines.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_lines 60000 >lines
grep -c 'word1[0-9]* ' lines
grep -E '^([0-9])\1' lines | cksum
grep -obF word999 lines | cksum
sed -n 's/word\([0-9]*\)/<\1>/p; $=' lines | cksum
tr '\n' ' ' <lines >one_line
sed 's/ word/;/g' one_line | cksum
grep -o 'word42 ' one_line | wc -l
awk '{ sum[$2] += $1 } END { for (word in sum) print word, sum[word] }' lines | sort | cksum
awk '{ text = text $0 } END { print length(text) }' <(head -5000 lines)
sed 's/word7/other7/' lines >changed
diff lines changed | cksum || true
diff -u lines changed | grep -c '^[-+]' || true
cut -d' ' -f2 lines | xargs -n 5000 echo | cksum
rm lines one_line changed
