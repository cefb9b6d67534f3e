#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Bazel's --run_under for programs of another architecture.
set -euo pipefail

# A test has the runfiles of this beside its own.
runfiles=${TEST_SRCDIR:-$(readlink -f -- "$0.runfiles")}
# Else each death test writes one, of an address space with the emulator's tables.
ulimit -c 0
# A test that takes memory until there is none must not take the machine's.
ulimit -d $((12 << 20))
export REFPAGE_EMULATOR=$runfiles/qemu_user/root/usr/bin/qemu-aarch64
# Its own reserves of address space show in what tests see of the process.
export MALLOC_ARENA_MAX=1
# With memory tags, unless the caller wants a processor without, such as
# cortex-a76.
export QEMU_CPU=${QEMU_CPU:-max}
# Where Debian's cross packages have the C library.
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
exec "$REFPAGE_EMULATOR" "$@"
