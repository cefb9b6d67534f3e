# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The encoder of level 9 asks for 674 MiB and writes a part of them.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_lines 30000 >lines
xz -9 -k lines
sha256sum lines.xz
xz -dc lines.xz | cmp - lines && echo identical
rm lines*
