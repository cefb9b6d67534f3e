# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Forked copies of a shell that holds a large variable each change their own.
set -euo pipefail
export LC_ALL=C

text=$(seq 100000)
for i in {1..40}; do
  (
    text=${text/%100000/child $i}
    echo "${text: -10}"
  )
done | cksum
for i in 1 2 3 4; do
  (text+=$text$text; echo "$i ${#text}" >"background$i") &
done
wait
cat background*
coproc doubler { while read -r n; do echo $((n * 2)); done; }
echo 21 >&"${doubler[1]}"
read -r answer <&"${doubler[0]}"
echo "$answer"
diff <(seq 50000) <(seq 50000) && echo same
echo "${text: -6}"
