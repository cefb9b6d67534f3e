# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that the tests that the documentation names are there.

    named_tests.py DOCUMENT...

In the current folder, a checkout. A test is named in the last column of a table
whose heading there is "test" or "what fails": as `Suite.Name`, `Suite` for all of
it, `Suite.Na*` for some, `.Name` for another of the suite before; "..." is as good
as an asterisk. A row of a table of tests has to name one. Prints what is wrong, and
fails then.
"""

import fnmatch
import pathlib
import re
import sys

HEADINGS = ("test", "what fails")
DEFINITION = re.compile(r"\b\w*TEST\w*\(\s*(\w+),\s*(\w+)\s*\)")
NAME = re.compile(r"(?:[A-Z]\w*Test)?(?:\.[\w*.]+)?")


def defined_tests(folder):
    return {
        f"{suite}.{name}"
        for file in folder.rglob("*.cpp")
        for suite, name in DEFINITION.findall(file.read_text())
    }


def named_tests(cell):
    """Yields what a cell names, with the suite that it means, as a pattern."""
    suite = None
    for text in re.findall(r"`([^`]*)`", cell):
        if not text or not NAME.fullmatch(text):
            continue
        if text.startswith("."):
            text = f"{suite}{text}"
        suite, _, name = text.partition(".")
        yield text, f"{suite}.{name or '*'}".replace("...", "*")


def wrong_rows(text, tests):
    heading = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            heading = None
            continue
        cell = re.split(r"(?<!\\)\|", line.rstrip().rstrip("|"))[-1].strip()
        if heading is None:
            heading = cell
            continue
        if heading not in HEADINGS or set(cell) <= set("-:"):
            continue
        names = list(named_tests(cell))
        if heading == "test" and not names:
            yield number, "names no test"
        for name, pattern in names:
            if not fnmatch.filter(tests, pattern):
                yield number, f"there is no test {name}"


def main(documents):
    tests = defined_tests(pathlib.Path("tests"))
    status = 0
    for document in documents:
        for number, problem in wrong_rows(pathlib.Path(document).read_text(), tests):
            print(f"{document}:{number}: {problem}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
