# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The benchmarks, one module each."""

from . import demo, fork, malloc, micro, pdfium, programs

ALL = {
    module.BENCH.name: module.BENCH
    for module in (micro, fork, pdfium, programs, malloc, demo)
}

# What "all" runs. The demonstration repeats cases of the others.
FULL = tuple(name for name in ALL if name != demo.BENCH.name)
