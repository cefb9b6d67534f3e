# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Time and memory under each allocator, as multiples of this library's."""

from ..goals import SUBJECT
from ..metrics import CPU, MAX_RSS
from .canvas import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, add_legend

_PANELS = (
    (CPU, "CPU time, times this library's"),
    (MAX_RSS, "largest resident memory, times this library's"),
)
# A colour for each family; those that fill memory are filled.
_LOOKS = {
    "anon": (GREY, "o", False),
    "memset": (GREY, "o", True),
    "stock": (VERMILION, "s", False),
    "stock+pattern": (VERMILION, "s", True),
    "glibc": (GREEN, "D", False),
    "glibc+perturb": (GREEN, "D", True),
    "jemalloc": (PURPLE, "^", False),
    "jemalloc+junk": (PURPLE, "^", True),
    "mimalloc": (ORANGE, "v", False),
    "tcmalloc": (SKY, "P", False),
}
_LABELS = {
    "anon": "ours without fill (anon)",
    "memset": "ours with memset",
    "stock": "stock Scudo",
    "stock+pattern": "stock Scudo+pattern",
}


def draw(figure, rows):
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (metric, title) in zip(panels, _PANELS):
        _draw_panel(axes, rows, metric, title)
    panels[0].set_yticks(range(len(rows.cases())), rows.cases())
    panels[0].invert_yaxis()
    add_legend(figure, panels[0], 4)


def _draw_panel(axes, rows, metric, title):
    axes.axvline(1, color=BLUE, linewidth=2.5, label="this library", zorder=1)
    names = [name for name in _LOOKS if name in rows.variants()]
    for place, name in enumerate(names):
        colour, marker, fills = _LOOKS[name]
        points = [
            (ratio, y + 0.5 * (place / max(1, len(names) - 1) - 0.5))
            for y, case in enumerate(rows.cases())
            if (ratio := _ratio(rows, case, name, metric)) is not None
        ]
        if points:
            axes.plot(
                *zip(*points),
                marker,
                color=colour,
                markerfacecolor=colour if fills else "white",
                markersize=7,
                label=_LABELS.get(name, name) + (" (fills)" if fills else ""),
            )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(
        lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else ""
    )
    axes.grid(True, axis="x")
    for y in range(len(rows.cases()) - 1):
        axes.axhline(y + 0.5, color="#EEEEEE", linewidth=0.8, zorder=0)
    axes.tick_params(axis="y", length=0)
    axes.set_title(title)


def _ratio(rows, case, name, metric):
    value = rows.median(case, name, metric)
    base = rows.median(case, SUBJECT, metric)
    return value / base if value is not None and base else None
