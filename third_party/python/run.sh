#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Runs a Python program under Bazel, with Debian's interpreter. Without -B it
# would write its bytecode into the source tree.
exec /usr/bin/python3 -B "$@"
