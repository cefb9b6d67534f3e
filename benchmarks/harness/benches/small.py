# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small blocks, which come from Scudo's Primary as upstream has it."""

from ..bench import Bench
from ..case import Case, parse_assignments
from ..goals import Goal
from ..metrics import (
    MAX_RSS,
    MINOR_FAULTS,
    OPERATION_CPU,
    OPERATION_REAL,
)
from ..report import Layout

_OPERATIONS = 5_000_000

# Like against like: both fill small blocks, or neither does.
_GOALS = (
    Goal(OPERATION_CPU, "stock+pattern", factor=1.01),
    Goal(OPERATION_CPU, "stock", factor=1.01, subject="anon"),
)


def _cases(context):
    kinds = {
        "malloc, free": "pair",
        "calloc, free": "calloc",
        "1024 live": "live",
        "batches of 1024": "batch",
        "realloc": "realloc",
    }
    return [
        Case(
            name=name if threads == 1 else f"{name}, {threads} threads",
            command=(
                *(context.binary("small"), kind),
                *(str(threads), str(_OPERATIONS)),
            ),
            parse=parse_assignments,
            goals=_GOALS,
        )
        for name, kind in kinds.items()
        for threads in (1, 2)
    ]


BENCH = Bench(
    name="small",
    about="blocks of 16 B to 4 KiB, one and two threads, against stock Scudo",
    cases=_cases,
    runs=21,
    variants=("anon", "refpage", "stock", "stock+pattern"),
    programs=("small",),
    layout=Layout(
        metrics=(OPERATION_REAL, OPERATION_CPU, MINOR_FAULTS, MAX_RSS),
        spread_of=(OPERATION_CPU,),
        ratios=((OPERATION_CPU, "stock"), (OPERATION_CPU, "stock+pattern")),
    ),
)
