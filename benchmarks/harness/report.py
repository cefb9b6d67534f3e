# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Markdown table of a bench."""

import dataclasses

from . import goals, stats


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a bench's table shows."""

    metrics: tuple  # a column each
    spread_of: tuple = ()  # of metrics; their interquartile range, in percent
    ratios: tuple = ()  # of (metric, variant it is divided by)


def markdown(header, rows, left=1):
    """A table whose first left columns and last one are text."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    text = set(range(left)) | {len(header) - 1}

    def line(row):
        padded = [
            cell.ljust(width) if i in text else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = [
        "-" * width if i in text else "-" * (width - 1) + ":"
        for i, width in enumerate(widths)
    ]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])


def table(cases, variants, samples, layout):
    header = ["case", "variant"]
    for metric in layout.metrics:
        header.append(metric.title)
        if metric in layout.spread_of:
            header.append(f"{metric.short} spread")
    names = [variant.name for variant in variants]
    ratios = [(m, base) for m, base in layout.ratios if base in names]
    header += [f"{metric.short} / {base}" for metric, base in ratios]
    header.append("goal")
    rows = [
        _row(case, variant.name, samples, layout, ratios)
        for case in cases
        for variant in variants
    ]
    return markdown(header, rows, left=2)


def _row(case, variant, samples, layout, ratios):
    def cell(name, metric):
        return samples.values(case.name, name, metric)

    row = [case.name, variant]
    for metric in layout.metrics:
        values = cell(variant, metric)
        row.append(metric.text(stats.median(values)) if values else "")
        if metric in layout.spread_of:
            spread = 100 * stats.relative_spread(values) if values else None
            row.append("" if spread is None else f"{spread:.1f} %")
    row += [_ratio(cell(variant, m), cell(base, m)) for m, base in ratios]
    if (case.name, variant) in samples.failures:
        row.append("FAILED")
    else:
        judged = variant == goals.SUBJECT
        row.append(goals.summary(case.goals, cell) if judged else "")
    return row


def _ratio(values, base):
    if not values or not base or not stats.median(base):
        return ""
    return f"{stats.median(values) / stats.median(base):.4f}"
