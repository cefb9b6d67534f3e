# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A machine of either architecture, emulated whole: tools/vm.

architecture  what differs between arm64 and x86-64
cpio          writes archives
image         what is in the machine's memory disk; guest/ is what runs there
machine       QEMU and the kernel, from start to end
kernel_log    by which lines a kernel says that it is not well
jobs          commands and the reports that the machine sends of them
testing       Bazel's tests as jobs, and their results
__main__      the command line
"""
