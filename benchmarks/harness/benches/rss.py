# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Resident memory over CPU time, of programs that ask for much and write little."""

from ..bench import Bench
from ..metrics import CPU, MAX_RSS
from ..pictures import Picture, memory
from ..report import Layout
from ..rss_sampler import MEAN_RSS, RssSampler
from . import programs


def _cases(context):
    return [programs.sort(context), programs.xz(context)]


BENCH = Bench(
    name="rss",
    about="resident memory over time, of sort and xz, looked at every 2 ms",
    cases=_cases,
    runs=5,
    packages=("xz-utils",),
    layout=Layout(
        metrics=(CPU, MEAN_RSS, MAX_RSS),
        ratios=((MEAN_RSS, "anon"), (MEAN_RSS, "memset")),
    ),
    runner=RssSampler,
    pictures=(Picture("memory-over-time", (9.5, 3.9), memory.draw),),
    under_peers=False,
)
