# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The numbers of descriptors are the program's own: those it opens by number,
# those the shell picks, and high ones.
set -euo pipefail

echo contents >file
exec {picked}<file
echo "picked $picked"
for number in {3..9} 20 100 200 254 1000; do
  eval "exec $number>out$number"
  seq 20000 | tail -1 >&"$number"
done
text=$(seq 100000)
for number in {3..9} 20 100 200 254 1000; do
  echo "${#text}" >&"$number"
  eval "exec $number>&-"
done
read -r line <&"$picked"
echo "$line"
