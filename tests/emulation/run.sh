#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Bazel's --run_under for tests of another architecture.
set -euo pipefail

export REFPAGE_EMULATOR=$TEST_SRCDIR/qemu_user/root/usr/bin/qemu-aarch64
# With memory tags, which no default model has.
export QEMU_CPU=max
# Where Debian's cross packages have the C library.
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
exec "$REFPAGE_EMULATOR" "$@"
