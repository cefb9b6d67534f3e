# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What choosing by itself costs the allocator, against each fixed method."""

import dataclasses

from .. import stats
from ..bench import Bench
from ..case import Case, parse_assignments
from ..goals import SUBJECT
from ..metrics import Metric
from ..pictures import Picture, density, heat_map
from ..report import markdown, name_in_table

_PAGE = 4096
_SIZES = {
    "128 KiB": 128 << 10,
    "512 KiB": 512 << 10,
    "1 MiB": 1 << 20,
    "4 MiB": 4 << 20,
    "16 MiB": 16 << 20,
    "64 MiB": 64 << 20,
}
# In percent; 0 is one page.
_SHARES = {
    "one page": 0,
    "1 %": 1,
    "10 %": 10,
    "25 %": 25,
    "50 %": 50,
    "all": 100,
}

_MEDIAN_GOAL = 0.10
_WORST_GOAL = 0.30

# What the program prints of each method, and of the allocator.
_PREFIX = "use_us "
_ALLOCATOR = _PREFIX + "allocator"


def _case_name(blocks, size_name, share, layout):
    # All of a block is its front.
    name = f"{blocks}: {size_name} {share}"
    return name if share == "all" else f"{name} {layout}"


def _case(context, size_name, share, percent, layout, blocks):
    return Case(
        name=_case_name(blocks, size_name, share, layout),
        command=(
            *(context.binary("regret"), str(_SIZES[size_name])),
            *(str(percent or "page"), blocks, layout or "front"),
        ),
        parse=parse_assignments,
    )


def _is_one_page(size, percent):
    return percent and size // _PAGE * percent // 100 <= 1


def _cases(context):
    return [
        _case(context, size_name, share, percent, layout, blocks)
        for blocks in ("fresh", "reused")
        for size_name, size in _SIZES.items()
        for share, percent in _SHARES.items()
        if not _is_one_page(size, percent)
        for layout in (("",) if share == "all" else ("front", "scattered"))
    ]


@dataclasses.dataclass(frozen=True)
class _Cell:
    """One case under one variant, in medians."""

    own_us: float
    best: str
    best_us: float

    @property
    def regret(self):
        """Negative where the allocator was faster than each method."""
        return self.own_us / self.best_us - 1


def _cell(case, variant, samples):
    medians = {}
    for key in samples.metric_keys(_PREFIX, case):
        values = samples.values(case, variant, Metric(key, key, key, ""))
        if values:
            medians[key] = stats.median(values)
    own = medians.pop(_ALLOCATOR, None)
    if own is None or not medians:
        return None
    best = min(medians, key=medians.get)
    return _Cell(own, best[len(_PREFIX) :], medians[best])


def _percent(part):
    return f"{100 * part:.1f} %"


def _table(cases, variants, samples, layout):
    header = ["case", "variant", "a use (µs)", "best method (µs)", "regret"]
    rows, last = [], []
    for variant in variants:
        name = variant.name
        cells = {case.name: _cell(case.name, name, samples) for case in cases}
        for case, cell in cells.items():
            rows.append(_row(case, name, cell, samples))
        last += _summary(name, {c: cell for c, cell in cells.items() if cell})
    return markdown(header + ["best method"], rows + last, left=2)


def _row(case, name, cell, samples):
    row = [case, name_in_table(name)]
    if cell is None:
        failed = (case, name) in samples.failures
        return row + ["", "", "", "FAILED" if failed else ""]
    own, best = f"{cell.own_us:.2f}", f"{cell.best_us:.2f}"
    return row + [own, best, _percent(cell.regret), cell.best]


def _summary(name, cells):
    """Rows for the median and the worst, with the verdict in the last
    column."""
    if not cells:
        return []
    # What is gained in one case makes up for nothing in another.
    regrets = {case: max(0.0, cell.regret) for case, cell in cells.items()}
    worst = max(regrets, key=regrets.get)
    return [
        _verdict(name, "median of all", _median(regrets), _MEDIAN_GOAL),
        _verdict(name, f"worst: {worst}", regrets[worst], _WORST_GOAL),
    ]


def _median(regrets):
    return stats.median(list(regrets.values()))


def _verdict(name, title, regret, goal):
    verdict = ""
    if name == SUBJECT:
        missed = f"missed: goal <= {_percent(goal)}"
        verdict = "met" if regret <= goal else missed
    return [title, name_in_table(name), "", "", _percent(regret), verdict]


# --- Pictures.

_FIELDS = (
    ("fresh", "front", "fresh, the front written"),
    ("fresh", "scattered", "fresh, scattered pages written"),
    ("reused", "front", "reused, the front written"),
    ("reused", "scattered", "reused, scattered pages written"),
)

# What the others have to be cheaper than.
_BASES = {"fresh": "windows of 1 MiB", "reused": "kept windows, PAGEMAP_SCAN"}
_SIZES_OF_CURVES = ("1 MiB", "16 MiB")


def _draw_heat_map(figure, rows):
    def percent(*names):
        cell = _cell(_case_name(*names), SUBJECT, rows.samples)
        return None if cell is None else 100 * cell.regret

    fields = [
        (
            title,
            [
                [percent(blocks, size, share, layout) for share in _SHARES]
                for size in _SIZES
            ],
        )
        for blocks, layout, title in _FIELDS
    ]
    meaning = "% slower than the best fixed method, chosen with hindsight"
    heat_map.draw(figure, fields, list(_SHARES), list(_SIZES), meaning)


def _curves(rows, blocks, size_name):
    curves = {}
    for share, percent in _SHARES.items():
        percent = percent or 100 * _PAGE / _SIZES[size_name]
        case = _case_name(blocks, size_name, share, "front")
        for key in rows.samples.metric_keys(_PREFIX, case):
            cost = rows.median(case, SUBJECT, Metric(key, key, key, ""))
            # Methods are those of fresh blocks, or of kept ones.
            if cost is not None:
                method = key[len(_PREFIX) :]
                curves.setdefault(method, []).append((percent, cost))
    return curves


def _draw_density(figure, rows):
    density.draw(
        figure,
        [
            [
                (f"{size}, {blocks}", _curves(rows, blocks, size), base)
                for size in _SIZES_OF_CURVES
            ]
            for blocks, base in _BASES.items()
        ],
    )


BENCH = Bench(
    name="regret",
    about="a use of a block after ten, against each fixed method of filling",
    cases=_cases,
    runs=3,
    variants=(SUBJECT, "unprotected"),
    programs=("regret",),
    table=_table,
    pictures=(
        Picture("cost-by-density", (10, 6.6), _draw_density),
        Picture("regret", (10, 6.6), _draw_heat_map),
    ),
    # The methods are what it compares with.
    under_peers=False,
)
