# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a benchmark is: cases, and how they are run and shown."""

import dataclasses
from typing import Callable, Optional

from . import report
from .metrics import CPU, MAX_RSS, MINOR_FAULTS, REAL
from .report import Layout

WHOLE_PROGRAM = Layout(
    metrics=(REAL, CPU, MINOR_FAULTS, MAX_RSS),
    spread_of=(CPU,),
    ratios=(
        (CPU, "anon"),
        (CPU, "memset"),
        (MAX_RSS, "anon"),
        (MAX_RSS, "memset"),
    ),
)

THREE = ("anon", "memset", "refpage")
FOUR = ("anon", "memset", "refpage", "anon+small")


@dataclasses.dataclass(frozen=True)
class Bench:
    name: str
    about: str
    cases: Callable  # Context -> [Case]; makes or fetches inputs
    runs: int
    seconds: Optional[float] = None
    variants: tuple = THREE
    packages: tuple = ()
    programs: tuple = ()  # of benchmarks/, besides measure
    layout: Layout = WHOLE_PROGRAM
    table: Callable = report.table
