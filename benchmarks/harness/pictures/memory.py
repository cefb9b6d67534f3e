# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Resident memory over CPU time, a curve for each variant."""

from ..metrics import CPU
from ..rss_sampler import OVER_TIME, points
from .canvas import IN_WORDS, OF_VARIANT, add_legend

# Two of them lie on each other: one is drawn wide, below; and has no number.
_LINES = {"anon": "-", "memset": "-", "refpage": (0, (2, 1.2))}
_WIDTHS = {"anon": 3.4, "memset": 2, "refpage": 2}


def draw(figure, rows):
    panels = figure.subplots(1, len(rows.cases()), squeeze=False)[0]
    for axes, case in zip(panels, rows.cases()):
        for variant in rows.variants():
            curve = _middle_run(rows.samples, case, variant)
            if not curve:
                continue
            times, kib = zip(*curve)
            axes.plot(
                [ms / 1000 for ms in times],
                [value / 1024 for value in kib],
                color=OF_VARIANT[variant],
                linestyle=_LINES[variant],
                linewidth=_WIDTHS[variant],
                label=IN_WORDS[variant],
            )
            if variant != "anon":
                _name_highest(axes, times, kib, OF_VARIANT[variant])
        axes.set_title(case)
        axes.set_xlabel("seconds of CPU time")
        axes.set_ylabel("resident memory, MiB")
        axes.set_xlim(left=0)
        axes.margins(y=0.1)
        axes.set_ylim(bottom=0)
        axes.grid(True)
    add_legend(figure, panels[0], 3)


def _name_highest(axes, times, kib, colour):
    highest = max(kib)
    at = times[kib.index(highest)]
    axes.annotate(
        f"{highest / 1024:.0f} MiB",
        (at / 1000, highest / 1024),
        (2, 4),
        textcoords="offset points",
        color=colour,
    )


def _middle_run(samples, case, variant):
    """Of the run that took neither longest nor shortest."""
    times = samples.values(case, variant, CPU)
    if not times:
        return []
    middle = sorted(range(len(times)), key=times.__getitem__)[len(times) // 2]
    return points(samples.values(case, variant, OVER_TIME)[middle])
