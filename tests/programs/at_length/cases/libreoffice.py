# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""LibreOffice without a window converts documents."""

import hashlib
import random
import re
import shutil
import subprocess

from ..case import Case, CaseError

PROGRAM = "/usr/lib/libreoffice/program/soffice.bin"
PARAGRAPHS, ROWS = 800, 200


def write_document(path):
    """Headings, paragraphs, some characters of other scripts, and a table."""
    draw = random.Random(1)
    words = [f"{a}{b}{c}" for a in ("ra", "lo", "mi") for b in ("ne", "sto", "ku")
             for c in ("n", "ra", "lis")]  # fmt: skip
    parts = ["<html><head><meta charset='utf-8'></head><body>"]
    for number in range(PARAGRAPHS):
        if number % 20 == 0:
            parts.append(f"<h1>{' '.join(draw.choices(words, k=4))}</h1>")
        text = " ".join(draw.choices(words, k=draw.randrange(30, 120)))
        parts.append(f"<p>{text} <b>{draw.choice(words)}</b> <i>\u00e4\u03b1\u4e2d</i></p>")
    parts.append("<table border='1'>")
    for row in range(ROWS):
        cells = "".join(f"<td>{draw.randrange(10**6)}</td>" for _ in range(6))
        parts.append(f"<tr><td>{row}</td>{cells}</tr>")
    parts.append("</table></body></html>")
    path.write_text("\n".join(parts))


def command(profile, kind, document, folder):
    return (
        *(PROGRAM, "--headless", f"-env:UserInstallation=file://{profile}"),
        *("--convert-to", kind, "--outdir", folder, document),
    )


def prepare(place):
    """The document, and a profile: at its first start LibreOffice does only that."""
    document = place.inputs / "document.html"
    write_document(document)
    for _ in range(3):
        subprocess.run(
            [*command(place.inputs / "profile", "txt:Text", document, place.inputs)],
            env={"HOME": str(place.inputs), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=600,
        )
        if (place.inputs / "document.txt").exists():
            return
    raise CaseError("LibreOffice converts nothing")


def streams(pdf):
    """What is in a PDF: pages, pictures, fonts. Not dates and the id made of them; and
    in no order, since LibreOffice writes fonts in that of their addresses in memory."""
    found = re.findall(rb"\nstream\n(.*?)\nendstream", pdf, flags=re.S)
    return b"\n".join(sorted(hashlib.sha256(stream).digest() for stream in found))


def run(run):
    shutil.copytree(run.place.inputs / "profile", run.path("profile"))
    results = {}

    def convert(kind, source, *more):
        run.program(*command(run.path("profile"), kind, source, run.folder), *more)
        made = run.path(f"document.{kind.partition(':')[0]}")
        if not made.is_file():
            raise CaseError(f"no {made.name} was made")
        return made

    def note(name, contents):
        results[name] = f"{len(contents)} {hashlib.sha256(contents).hexdigest()}"

    odt = convert(
        "odt:writer8",
        run.place.inputs / "document.html",
        # As a text, where by default it would be a page of the web.
        "--infilter=HTML (StarWriter)",
    )
    # The rest of it has the date.
    note("odt", run.client("unzip", "-p", odt, "content.xml").encode())
    note("txt", convert("txt:Text", odt).read_bytes())
    note("rtf", re.sub(rb"{\\(cre|rev|print)atim.*?}", b"", convert("rtf", odt).read_bytes()))
    note("pdf", streams(convert("pdf", odt).read_bytes()))
    return results


CASE = Case(
    name="libreoffice",
    about="LibreOffice converts a document of 138 pages from HTML to its own format, and"
    " that to PDF, text and RTF: the bytes of each but for dates, and for the order of"
    " fonts in the PDF, which is that of their addresses",
    run=run,
    programs=("soffice.bin",),
    packages=("libreoffice-writer-nogui", "unzip"),
    prepare=prepare,
)
