# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Damaged, cut and foreign files are refused with the same words.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

exec 2>&1
random_lines 30000 | xz -6 >good.xz
{ head -c 20000 good.xz; echo damaged; tail -c +20009 good.xz; } >damaged.xz
head -c 20000 good.xz >cut.xz
echo "not compressed" >foreign.xz
for file in good damaged cut foreign; do
  xz -t $file.xz && echo accepted || echo "status $?"
done
xz -dc damaged.xz | wc -c
xz -9 --memlimit-compress=50MiB --no-adjust -c good.xz || echo "status $?"
rm ./*.xz
