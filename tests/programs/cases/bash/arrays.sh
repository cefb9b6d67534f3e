# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Indexed and associative arrays of many elements.
set -euo pipefail

mapfile -t lines < <(seq 100000)
echo "${#lines[@]} ${lines[54321]}"
slice=("${lines[@]:1000:20000}")
echo "${#slice[@]} ${slice[19999]}"
declare -A squares
for i in "${lines[@]:0:20000}"; do
  squares[key$i]=$((i * i))
done
echo "${#squares[@]} ${squares[key777]}"
unset 'squares[key777]'
echo "${#squares[@]} ${squares[key777]-gone}"
printf '%s\n' "${lines[@]}" | sha256sum
