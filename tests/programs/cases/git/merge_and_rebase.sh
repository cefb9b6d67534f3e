# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Branches put together, with and without conflicts.
set -euo pipefail

git init -q -b main repository
cd repository
seq 30000 >file
git add file
git commit -q -m base
git checkout -q -b other
sed -i '1s/.*/other/' file
git commit -q -a -m other
git checkout -q main
sed -i '$s/.*/main/' file
git commit -q -a -m main
git merge -q -m merged other
git log --format='%H %P %s'
git checkout -q -b third main~1
sed -i '1s/.*/third/' file
git commit -q -a -m third
git merge -q -m conflicting other >/dev/null || echo "conflict, status $?"
git diff | sha256sum
git merge --abort
git rebase -q main >/dev/null 2>&1 || echo "conflict, status $?"
git checkout --theirs file
git add file
GIT_EDITOR=true git rebase --continue >/dev/null
git log --format='%H %s'
git stash list
sha256sum file
cd ..
rm -r repository
