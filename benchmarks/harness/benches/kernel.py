# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reference pages made by the kernel against all that could replace them, in
an emulated x86-64 machine.

One kernel has them all: the system call is in it, the module is loaded. What
one CPU does is counted in instructions, which come out the same each time.
What two do at once needs a clock.
"""

from ..bench import Bench
from . import kernel_cases, kernel_run, kernel_tables

BENCH = Bench(
    name="kernel",
    about="reference pages of the kernel, in an emulated x86-64 machine",
    cases=kernel_cases.cases,
    runs=1,
    measure=kernel_run.measure,
    table=kernel_tables.table,
    under_peers=False,
)
