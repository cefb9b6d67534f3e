# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What goes wrong goes wrong the same way, with the same message.
exec 2>&1
cat missing; echo "status $?"
cp missing elsewhere; echo "status $?"
mkdir a a; echo "status $?"
rmdir missing; echo "status $?"
sort -S nonsense /dev/null; echo "status $?"
dd if=/dev/zero of=/dev/null bs=0; echo "status $?"
head -c 999999999999999999999 /dev/null; echo "status $?"
timeout 0.1 sleep 10; echo "status $?"
# A buffer no machine has: refused by malloc, not a crash.
dd if=/dev/zero of=out bs=100000G count=1; echo "status $?"
yes | head -1; echo "status ${PIPESTATUS[*]}"
