# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Strings of megabytes: grown, sliced, replaced and changed in case.
set -euo pipefail
export LC_ALL=C

printf -v text 'Some words %06d; ' {1..15000}
text+=$text
echo "${#text}"
echo "${text:200000:40}"
upper=${text^^}
echo "${upper: -30}"
replaced=${text//0001/<one>}
echo "${#replaced}"
[[ $text == "$text" && $text != "$upper" ]] && echo compared
stripped=${text##*; Some}
echo "$stripped"
sha256sum <<<"$text$upper$replaced"
