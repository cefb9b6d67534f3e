#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
echo "coverage reports need Bazel's own coverage tools, which are not here" >&2
exit 1
