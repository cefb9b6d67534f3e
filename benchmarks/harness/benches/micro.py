# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The micro-benchmark of the reference-page kernel series, by malloc/free."""

import dataclasses

from ..bench import THREE, WHOLE_PROGRAM, Bench
from ..case import Case
from ..goals import Goal
from ..metrics import CPU, MAX_RSS

_SIZE = 4096000
# What was published mapped each block anew.
_ANON = "anon-uncached"
_MEMSET = "memset-uncached"
_RSS = Goal(MAX_RSS, _ANON, plus=1024)


def _case(context, title, touched, *goals):
    return Case(
        name=title,
        command=(context.binary("micro"), str(touched), str(_SIZE)),
        goals=(*goals, _RSS),
    )


def _cases(context):
    return [
        _case(
            context,
            "T=4096",
            4096,
            Goal(CPU, _MEMSET, factor=0.01),
            Goal(CPU, _ANON, factor=1.5),
        ),
        _case(context, "T=half", _SIZE // 2, Goal(CPU, _MEMSET, factor=0.45)),
        _case(
            context,
            "T=all",
            _SIZE,
            Goal(CPU, _MEMSET, factor=0.90),
            Goal(CPU, _MEMSET, factor=0.35),
        ),
    ]


BENCH = Bench(
    name="micro",
    about="1000 times: malloc(4096000), write a byte in each page of the first"
    " T, free",
    cases=_cases,
    runs=11,
    variants=(*THREE, _ANON, _MEMSET),
    programs=("micro",),
    layout=dataclasses.replace(
        WHOLE_PROGRAM,
        ratios=(
            (CPU, _ANON),
            (CPU, _MEMSET),
            (MAX_RSS, _ANON),
            (MAX_RSS, _MEMSET),
        ),
    ),
)
