# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Several encoders and decoders at the same time.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_lines 150000 >lines
xz -3 -T4 --block-size=500KiB -k lines
sha256sum lines.xz
xz -l lines.xz | tail -1 | cut -c1-20
xz -T4 -dc lines.xz | sha256sum
sha256sum lines
rm lines*
