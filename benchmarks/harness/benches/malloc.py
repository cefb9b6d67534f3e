# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""malloc, write, free alone, over sizes and shares written."""

import csv

from .. import stats
from ..bench import Bench
from ..case import Case
from ..metrics import Metric
from ..report import markdown, name_in_table

_CASE = "mallocFree"
_PREFIX = "cpu_ns "  # + SIZE/SHARE, a column of the CSV file each


def _parse(stdout):
    """The CSV of Google Benchmark, after lines about the machine."""
    lines = stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("name,"))
    row = {}
    for entry in csv.DictReader(lines[start:]):
        _, size, share = entry["name"].split("/")
        key = f"{_PREFIX}{size.split(':')[1]}/{share.split(':')[1]}"
        row[key] = float(entry["cpu_time"])
    return row


def _cases(context):
    return [
        Case(
            name=_CASE,
            command=(
                context.binary("malloc_benchmark"),
                "--benchmark_format=csv",
                "--benchmark_min_time=0.05",
            ),
            parse=_parse,
        )
    ]


def _size_text(size):
    for unit in ("B", "KiB"):
        if size < 1024:
            return f"{size} {unit}"
        size //= 1024
    return f"{size} MiB"


_SHARES = {0: "one page", 25: "25 %", 100: "all"}


def _table(cases, variants, samples, layout):
    """A row for each size and share, a column for each variant."""
    names = [variant.name for variant in variants]
    bases = [base for base in ("anon", "memset") if base in names]
    header = ["bytes", "written"]
    for name in names:
        header += [f"{name_in_table(name)} (ns)", "spread"]
    header += [f"refpage / {base}" for base in bases]
    # The last column of a table is text: which one was fastest.
    rows = []
    for key in samples.metric_keys(_PREFIX, _CASE):
        metric = Metric(key, key, key, "{:.0f}")
        cells = {n: samples.values(_CASE, n, metric) for n in names}
        rows.append(_row(key, cells, bases))
    return markdown(header + ["fastest"], rows, left=2)


def _row(key, cells, bases):
    size, share = key[len(_PREFIX) :].split("/")
    row = [_size_text(int(size)), _SHARES[int(share)]]
    medians = {n: stats.median(v) for n, v in cells.items() if v}
    for name, values in cells.items():
        if name in medians:
            spread = 100 * stats.relative_spread(values)
            row += [f"{medians[name]:.0f}", f"{spread:.1f} %"]
        else:
            row += ["", ""]
    for base in bases:
        both = "refpage" in medians and base in medians
        ratio = medians["refpage"] / medians[base] if both else None
        row.append(f"{ratio:.3f}" if both else "")
    return row + [min(medians, key=medians.get)]


BENCH = Bench(
    name="malloc",
    about="malloc, write, free alone: 16 B to 64 MiB, one page to all written",
    cases=_cases,
    runs=5,
    programs=("malloc_benchmark",),
    table=_table,
)
