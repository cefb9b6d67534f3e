# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An arm64 machine with memory tags, emulated whole: tools/vm.

cpio       writes archives
image      what is in the machine's memory disk; guest/ is what runs there
machine    QEMU and the kernel; what went wrong with them
jobs       commands and the reports that the machine sends of them
testing    Bazel's tests as jobs, and their results
__main__   the command line
"""
