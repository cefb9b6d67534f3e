# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Get a block, write a share of it, give it back, again and again."""

from ..bench import WITH_PEERS, Bench
from ..case import Case, parse_assignments
from ..goals import SUBJECT, Goal
from ..metrics import (
    ITERATION_CPU,
    ITERATION_FAULTS,
    ITERATION_REAL,
    MAX_RSS,
)
from ..peers import FILLS, FILLS_NOT
from ..report import Layout

_SIZES = {
    "128 KiB": 128 << 10,
    "1 MiB": 1 << 20,
    "8 MiB": 8 << 20,
    "64 MiB": 64 << 20,
}
_PAGE = 4096
# What the program calls a share, and which part of the block it is.
_SHARES = {"one page": ("page", 0), "25 %": ("25", 0.25), "all": ("100", 1)}

# What stops an allocator that is slow at a case.
_LIMIT_MS = 200

# Of stock Scudo without fill, of the variant memset, of the fastest peers that
# fill and that do not.
_LIMITS = {
    "one page": (1.0, 0.15, 0.15, None),
    "25 %": (0.3, 0.6, 0.6, 2.2),
    "all": (0.3, 1.1, 1.1, 2.2),
}
_BASES = ("stock", "memset", FILLS, FILLS_NOT)
_SPEEDUP_OF_TWO_THREADS = 1.8


def iterations(size, part):
    """0.1 s of an allocator that takes 1.5 us for malloc and free, on a
    machine that writes 100 GB/s in its caches."""
    written = max(_PAGE, int(size * part))
    return max(16, int(0.1 / (1.5e-6 + written / 100e9)))


def _goals(size, share):
    # Stock Scudo keeps smaller blocks for reuse, as they are.
    bases = _BASES if size >= 1 << 20 else _BASES[1:]
    limits = _LIMITS[share][-len(bases) :]
    return tuple(
        Goal(ITERATION_CPU, base, factor=limit)
        for base, limit in zip(bases, limits)
        if limit
    )


def _case(context, size_name, share, threads=1, scattered=False, goals=()):
    size = _SIZES[size_name]
    word, part = _SHARES[share]
    name = f"{size_name} {share}"
    if threads > 1:
        name += f", {threads} threads"
    if scattered:
        name += ", scattered"
    return Case(
        name=name,
        command=(
            *(context.binary("churn"), str(size), word, str(threads)),
            *(str(iterations(size, part)), str(_LIMIT_MS)),
            *(("--scattered",) if scattered else ()),
        ),
        parse=parse_assignments,
        goals=goals,
    )


def _cases(context):
    made = []
    for size_name, size in _SIZES.items():
        for share in _SHARES:
            goals = _goals(size, share)
            one = _case(context, size_name, share, goals=goals)
            faster = Goal(
                ITERATION_REAL,
                SUBJECT,
                factor=1 / _SPEEDUP_OF_TWO_THREADS,
                base_case=one.name,
            )
            two = _case(
                context, size_name, share, threads=2, goals=(*goals, faster)
            )
            made += [one, two]
            if share != "all":
                made.append(_case(context, size_name, share, scattered=True))
    return made


BENCH = Bench(
    name="churn",
    about="malloc, write a share, free: 128 KiB to 64 MiB, one and two threads",
    cases=_cases,
    runs=5,
    variants=(*WITH_PEERS, "unprotected", "protected"),
    programs=("churn",),
    layout=Layout(
        metrics=(ITERATION_REAL, ITERATION_CPU, ITERATION_FAULTS, MAX_RSS),
        spread_of=(ITERATION_CPU,),
        ratios=tuple((ITERATION_CPU, base) for base in _BASES),
    ),
)
