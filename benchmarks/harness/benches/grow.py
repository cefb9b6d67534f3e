# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A block that realloc makes larger and larger."""

import dataclasses

from ..bench import WHOLE_PROGRAM, WITH_PEERS, Bench
from ..case import Case
from ..goals import Goal
from ..metrics import CPU, MAX_RSS
from ..peers import FASTEST


def _cases(context):
    return [
        Case(
            name="64 KiB to 256 MiB",
            command=(context.binary("grow"), "10"),
            goals=(Goal(CPU, "stock", factor=0.5), Goal(CPU, FASTEST)),
        )
    ]


BENCH = Bench(
    name="grow",
    about="10 times: realloc from 64 KiB to 256 MiB by 1.5 times, touched",
    cases=_cases,
    runs=11,
    variants=WITH_PEERS,
    programs=("grow",),
    layout=dataclasses.replace(
        WHOLE_PROGRAM,
        ratios=(
            (CPU, "anon"),
            (CPU, "stock"),
            (CPU, FASTEST),
            (MAX_RSS, "stock"),
        ),
    ),
)
