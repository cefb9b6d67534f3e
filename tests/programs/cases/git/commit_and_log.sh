# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A history made commit by commit has the same ids.
set -euo pipefail

git init -q -b main repository
cd repository
for i in {1..15}; do
  seq "$i" 5000 >numbers
  mkdir -p "folder$i"
  echo "$i" >"folder$i/file"
  git add -A
  git commit -q -m "commit $i"
done
git log --stat --format='%H %an %ad %s'
git log -p -M -C --find-copies-harder | sha256sum
git blame numbers | sha256sum
git status --short --branch
git ls-files -s
cd ..
rm -r repository
