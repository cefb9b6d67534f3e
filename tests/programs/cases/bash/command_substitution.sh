# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Output of megabytes read into variables, and given back as here-strings.
set -euo pipefail
export LC_ALL=C

numbers=$(seq 60000)
echo "${#numbers}"
twice=$(cat <<<"$numbers$numbers")
echo "${#twice}"
nested=$(echo "$(echo "$(seq 50000)")")
sha256sum <<<"$nested"
wc -l <<END
$numbers
END
