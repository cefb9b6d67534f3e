# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Checksums of 20 MB, and of a list of files.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_bytes 20000000 >large
for tool in sha256sum sha1sum md5sum b2sum cksum sum; do
  $tool large
done
split -b 5M large part.
sha256sum part.* >list
sha256sum -c list
echo damaged >>part.ab
sha256sum -c list 2>/dev/null || echo "status $?"
rm large part.*
