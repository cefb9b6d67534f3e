# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Files taken apart and put together again.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_lines 100000 >lines
split -n l/7 lines chunk.
split -l 20000 --filter='sha256sum >$FILE.sum' lines filtered.
cat filtered.*.sum
wc -l chunk.*
cat chunk.* | cmp - lines && echo identical
csplit -s -n 3 lines 50001 '/word500 /' && wc -c xx*
tac lines | tac | cmp - lines && echo identical
head -c 1234567 lines | tail -c 100 | od -An -tx1
rm lines chunk.* xx*
