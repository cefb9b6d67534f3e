#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The unit tests of the benchmarks' Python code. By hand, when measure is built:
#   MEASURE=$PWD/bazel-bin/benchmarks/measure benchmarks/harness_test.sh
set -euo pipefail

if [[ -n ${TEST_SRCDIR:-} ]]; then
  cd "$TEST_SRCDIR/$TEST_WORKSPACE/benchmarks"
else
  cd "$(dirname "${BASH_SOURCE[0]}")"
fi
export MEASURE=${MEASURE:-$PWD/measure}
exec /usr/bin/python3 -B -m unittest discover \
  --start-directory tests --top-level-directory .
