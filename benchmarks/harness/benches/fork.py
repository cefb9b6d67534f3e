# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What fork costs a process that holds one large, sparsely written block."""

from ..bench import Bench
from ..case import Case, parse_assignments
from ..goals import Goal
from ..metrics import CPU, FORK_CPU, FORK_REAL, MAX_RSS, MINOR_FAULTS
from ..report import Layout


def _cases(context):
    return [
        Case(
            name="1 GiB, 1 % written",
            command=(context.binary("fork_bench"), "1024", "50", "100"),
            parse=parse_assignments,
            goals=(Goal(FORK_CPU, "memset", factor=0.15),),
        )
    ]


BENCH = Bench(
    name="fork",
    about="fork, child's exit and wait, in a process with a 1 GiB block",
    cases=_cases,
    runs=11,
    programs=("fork_bench",),
    layout=Layout(
        metrics=(FORK_REAL, FORK_CPU, CPU, MINOR_FAULTS, MAX_RSS),
        spread_of=(FORK_CPU,),
        ratios=(
            (FORK_REAL, "anon"),
            (FORK_REAL, "memset"),
            (FORK_CPU, "anon"),
            (FORK_CPU, "memset"),
            (MAX_RSS, "anon"),
        ),
    ),
)
