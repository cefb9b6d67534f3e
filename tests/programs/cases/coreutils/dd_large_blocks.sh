# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Copies through buffers of megabytes.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_bytes 24000000 >in
dd if=in of=out bs=16M status=none
cmp in out
dd if=in of=out bs=9M conv=swab status=none
sha256sum out
dd if=in bs=1M skip=3 count=5 status=none | sha256sum
dd if=in of=sparse bs=4M seek=2 count=1 status=none
stat -c %s sparse
dd if=in obs=7M ibs=333333 status=none | sha256sum
dd if=in of=ascii bs=8M conv=ucase,notrunc status=none
sha256sum ascii
truncate -s 5M out && cmp -n 5242880 in <(dd if=out bs=5M conv=swab status=none) && echo swabbed
rm in out sparse ascii
