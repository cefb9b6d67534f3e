# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a benchmark is: cases, and how they are run and shown."""

import dataclasses
from typing import Callable, Optional

from . import peers, pictures, report
from .metrics import CPU, MAX_RSS, MINOR_FAULTS, REAL
from .pictures import peers as picture_of_peers
from .report import Layout
from .runner import Runner

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
FOUR = (*THREE, "anon+small")
WITH_PEERS = (*THREE, *peers.NAMES)

# Enough to tell allocators apart; some benches have more, to tell variants.
_MOST_RUNS_OF_PEERS = 11


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
    runner: Callable = Runner  # (the program measure, a scratch folder)
    pictures: tuple = ()
    under_peers: bool = True  # whether "peers" has it
    # Where programs do not run on this machine: takes the context, the cases
    # and the progress; gives variants, samples, and a line about the machine.
    measure: Optional[Callable] = None


def with_peers(bench):
    """The bench as "peers" runs it: what it costs under each allocator."""
    more = [name for name in WITH_PEERS if name not in bench.variants]
    return dataclasses.replace(
        bench,
        name=f"peers-{bench.name}",
        runs=min(bench.runs, _MOST_RUNS_OF_PEERS),
        variants=(*bench.variants, *more),
        layout=dataclasses.replace(bench.layout, spread_of=(), ratios=()),
        pictures=_pictures_of_peers(bench),
    )


def _pictures_of_peers(bench):
    if not {CPU, MAX_RSS} <= set(bench.layout.metrics):
        return ()
    picture = pictures.Picture(
        f"peers-{bench.name}", (10, 5.6), picture_of_peers.draw
    )
    return (picture,)
