# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Files of megabytes: stored, compared, read back.
set -euo pipefail
# shellcheck source=../../lib/data.sh
source "${BASH_SOURCE%/*}/../../lib/data.sh"

git init -q -b main repository
cd repository
random_bytes 8000000 >binary
random_lines 100000 >text
git add .
git commit -q -m first
sed -i 's/word7/changed7/' text
printf tail >>binary
git diff | sha256sum
git diff --shortstat
git diff --binary -- binary | sha256sum
git commit -q -a -m second
git cat-file --batch-check --batch-all-objects
git cat-file blob HEAD:binary | sha256sum
git grep -c 'changed7 ' HEAD
git checkout -q HEAD~1
sha256sum binary text
git hash-object --no-filters binary
cd ..
rm -r repository
