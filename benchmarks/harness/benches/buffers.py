# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Buffers of 5 to 25 MiB with random lifetimes, written whole."""

import dataclasses

from ..bench import WHOLE_PROGRAM, WITH_PEERS, Bench
from ..case import Case
from ..goals import Goal
from ..metrics import CPU, MAX_RSS
from ..peers import FILLS, RSS_GOALS, SMALLEST


def _cases(context):
    return [
        Case(
            name="6 of 5-25 MiB",
            command=(context.binary("buffers"), "400", "6"),
            goals=(
                Goal(CPU, "glibc", factor=1.2),
                Goal(CPU, FILLS),
                *RSS_GOALS,
            ),
        )
    ]


BENCH = Bench(
    name="buffers",
    about="400 buffers of 5-25 MiB, 6 live at a time, written whole",
    cases=_cases,
    runs=11,
    variants=WITH_PEERS,
    programs=("buffers",),
    layout=dataclasses.replace(
        WHOLE_PROGRAM,
        ratios=(
            (CPU, "glibc"),
            (CPU, FILLS),
            (MAX_RSS, "stock"),
            (MAX_RSS, SMALLEST),
        ),
    ),
)
