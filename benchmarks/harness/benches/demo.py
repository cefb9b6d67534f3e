# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The demonstration: the published comparison, sort and xz, in short form."""

from ..bench import Bench
from . import pdfium, programs


def _cases(context):
    return [
        *pdfium.cases(context),
        programs.sort(context),
        programs.xz(context),
    ]


BENCH = Bench(
    name="demo",
    about="a few runs of pdfium, sort and xz: a minute and a half",
    cases=_cases,
    runs=15,
    seconds=80,
    packages=("xz-utils",),
    programs=pdfium.BENCH.programs,
)
