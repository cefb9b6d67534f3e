# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The published comparison: PDFium renders the first pages of large files."""

import platform

from .. import inputs
from ..bench import FOUR, Bench
from ..case import Case
from ..goals import Goal
from ..metrics import CPU, MAX_RSS
from ..peers import RSS_GOALS
from ..pictures import Picture, bars

_PACKAGE = "pdfium-node-linux-x64-gnu@1.2.1"
_ARCHIVE_SHA256 = (
    "81dc690e61cfe7ae6dd30aabae5ef1055c82a4fb6752898bd1f79eaab39a2d5c"
)
_GOALS = (
    Goal(CPU, "anon", factor=1.01),
    Goal(MAX_RSS, "anon", factor=1.003),
    *RSS_GOALS,
)


def _documents(context):
    """Large PDF files that come as Debian packages."""
    return {
        "bookvol10.5": inputs.from_debian(
            context,
            "bookvol10.5.pdf",
            "axiom-doc",
            "usr/share/doc/axiom-doc/bookvol10.5.pdf.gz",
            "963b34d605f64e44085eb32347b8bc50"
            "b602629912548aeb81f7b098cbbdcf9a",
        ),
        "notation": inputs.from_debian(
            context,
            "notation.pdf",
            "lilypond-doc-pdf",
            "usr/share/doc/lilypond/html/Documentation/notation.pdf",
            "262d092c9e53a4ce4c6288e49092c64a"
            "4861e874f6541f4acec14ada3d3d0d78",
        ),
    }


def cases(context):
    if platform.machine() != "x86_64":
        raise inputs.InputError("the PDFium used is built for x86-64 only")
    library = inputs.from_npm(
        context,
        "libpdfium-1.2.1.so",
        _PACKAGE,
        _ARCHIVE_SHA256,
        "package/prebuilds/linux-x64-gnu/libpdfium.so",
    )
    return [
        Case(
            name=name,
            command=(
                context.binary("pdfium_driver"),
                "--pages=1-100",
                str(library),
                str(document),
            ),
            goals=_GOALS,
        )
        for name, document in _documents(context).items()
    ]


BENCH = Bench(
    name="pdfium",
    about="PDFium renders pages 1-100 of bookvol10.5 and of notation",
    cases=cases,
    runs=100,
    variants=FOUR,
    programs=("pdfium_driver",),
    pictures=(Picture("pdfium", (9.5, 3.9), bars.draw),),
)
