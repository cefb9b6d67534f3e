# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bars of the three variants: time above, memory below, a group a case."""

from .. import stats
from ..bench import THREE
from ..metrics import CPU, MAX_RSS
from .canvas import IN_WORDS, INK, OF_VARIANT, add_legend

_PANELS = (
    (CPU, "CPU time", "seconds", 1, "{:.3f}"),
    (MAX_RSS, "largest resident memory", "MiB", 1024, "{:.1f}"),
)
_WIDTH = 0.26


def draw(figure, rows):
    for axes, panel in zip(figure.subplots(1, 2), _PANELS):
        _draw_panel(axes, rows, *panel)
    add_legend(figure, axes, 3)


def _draw_panel(axes, rows, metric, title, unit, unit_size, text):
    for place, variant in enumerate(THREE):
        for at, case in enumerate(rows.cases()):
            values = rows.samples.values(case, variant, metric)
            if not values:
                continue
            values = [value / unit_size for value in values]
            bars = axes.bar(
                at + (place - 1) * _WIDTH,
                stats.median(values),
                _WIDTH * 0.92,
                color=OF_VARIANT[variant],
                label="_" if at else IN_WORDS[variant],
                yerr=[[below] for below in _quartiles(values)],
                error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 3},
            )
            axes.bar_label(
                bars,
                [text.format(stats.median(values))],
                label_type="center",
                color="white",
                rotation=90,
                fontsize=9,
            )
    axes.set_title(title)
    axes.set_ylabel(unit)
    axes.set_xticks(range(len(rows.cases())), rows.cases())
    axes.tick_params(axis="x", length=0)


def _quartiles(values):
    """How far they lie below and above the median."""
    half = stats.relative_spread(values) * stats.median(values) / 2
    return half, half
