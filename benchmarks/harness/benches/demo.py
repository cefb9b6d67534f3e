# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The demonstration: the published comparison, sort and xz, in short form."""

from .. import report, stats
from ..bench import Bench
from ..metrics import CPU, MAX_RSS
from . import pdfium, programs


def _cases(context):
    return [
        *pdfium.cases(context),
        programs.sort(context),
        programs.xz(context),
    ]


def _table(cases, variants, samples, _layout):
    """A line a program, for a terminal; goals are for the benches themselves."""

    def text(case, variant, metric, form, unit):
        if (case.name, variant.name) in samples.failures:
            return "FAILED"
        values = samples.values(case.name, variant.name, metric)
        return form.format(stats.median(values) / unit) if values else ""

    columns = [
        (metric, form, unit, title, variant)
        for metric, form, unit, title in (
            (CPU, "{:.3f}", 1, "CPU s"),
            (MAX_RSS, "{:.1f}", 1024, "MiB"),
        )
        for variant in variants
    ]
    header = ["program"]
    header += [
        f"{title}: {variant.name}" if variant is variants[0] else variant.name
        for *_, title, variant in columns
    ]
    rows = [
        [case.name]
        + [
            text(case, variant, metric, form, unit)
            for metric, form, unit, _, variant in columns
        ]
        for case in cases
    ]
    return report.markdown(header, rows, text_last=False)


BENCH = Bench(
    name="demo",
    about="a few runs of pdfium, sort and xz: a minute and a half",
    cases=_cases,
    runs=15,
    seconds=80,
    packages=("xz-utils",),
    programs=pdfium.BENCH.programs,
    table=_table,
)
