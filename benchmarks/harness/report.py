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


def markdown(header, rows, left=1, text_last=True):
    """A table whose first left columns are text, and the last one if so asked."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    text = set(range(left)) | ({len(header) - 1} if text_last else set())

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
    names = [variant.name for variant in variants]
    ratios = [(m, base) for m, base in layout.ratios if _measured(base, names)]
    header = ["case", "variant"]
    for metric in layout.metrics:
        header.append(metric.title)
        if metric in layout.spread_of:
            header.append(f"{metric.short} spread")
    header += [f"{metric.short} / {base}" for metric, base in ratios]
    header.append("goal")
    rows = [
        _row(case, name, samples, layout, ratios)
        for case in cases
        for name in names
    ]
    return markdown(header, rows, left=2)


def _measured(base, names):
    if isinstance(base, goals.Lowest):
        return any(name in names for name in base.names)
    return base in names


def name_in_table(variant):
    """What the tables are about is in bold."""
    return f"**{variant}**" if variant == goals.SUBJECT else variant


def _row(case, variant, samples, layout, ratios):
    def cell(name, metric, other_case=None):
        return samples.values(other_case or case.name, name, metric)

    row = [case.name, name_in_table(variant)]
    for metric in layout.metrics:
        values = cell(variant, metric)
        row.append(metric.text(stats.median(values)) if values else "")
        if metric in layout.spread_of:
            spread = 100 * stats.relative_spread(values) if values else None
            row.append("" if spread is None else f"{spread:.1f} %")
    for metric, base in ratios:
        row.append(_ratio(lambda name: cell(name, metric), variant, base))
    if (case.name, variant) in samples.failures:
        row.append("FAILED")
    else:
        row.append(goals.summary(case.goals, variant, cell))
    return row


def _ratio(values_of, variant, base):
    def median_of(name):
        values = values_of(name)
        return stats.median(values) if values else None

    name = goals.base_name(base, median_of)
    if not values_of(variant) or name is None or not median_of(name):
        return ""
    return f"{median_of(variant) / median_of(name):.4f}"
