# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Other levels, filters and formats, and back.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

random_lines 15000 >lines
random_bytes 200000 >>lines
for options in -0 "-6 --extreme" "--format=lzma" \
  "--check=sha256 --x86 --lzma2=dict=8MiB" "--delta=dist=4 --lzma2=preset=1"; do
  # shellcheck disable=SC2086 # several options in one word
  xz -c $options lines >packed
  sha256sum packed
  xz -dc packed | cmp - lines && echo identical
done
rm lines packed
