# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Python's own test suite: modules that live on memory, threads and processes."""

import re
import xml.etree.ElementTree

from ..case import Case

# None whose tests depend on time, on the network or on the terminal; and not
# xml_etree, after which the suite fails to write its report.
MODULES = """
    array bytes bz2 csv ctypes dict fork1 heapq json list lzma marshal memoryio
    memoryview minidom mmap pyexpat re struct thread tuple zlib
""".split()

# Of every object, where by default small ones never come to malloc.
ALL_BY_MALLOC = "dict json list struct".split()


def outcomes(path):
    """A line a test: its name, and how it went."""
    lines = []
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        kinds = sorted({child.tag for child in case} & {"failure", "error", "skipped"})
        # Names of subtests and of generated tests may hold addresses.
        name = re.sub(r"0x[0-9a-f]+", "0x", case.get("name"))
        lines.append(f"{name} {case.get('status')} {case.get('result')} {kinds}")
    return "\n".join(sorted(lines))


def run_suite(run, modules, **environment):
    report = run.path("report.xml")
    stdout, status = run.program(
        *(run.place.packages / "usr/bin/python3.11", "-m", "test", "--quiet"),
        *("--junit-xml", report, *(f"test_{module}" for module in modules)),
        status=None,
        LD_LIBRARY_PATH=run.place.libraries(),
        PYTHONHASHSEED=0,
        **environment,
    )
    summary = [line for line in stdout.splitlines() if re.match(r"Result:|.*bad:", line)]
    return "\n".join([status, *summary, outcomes(report)])


def run(run):
    return {
        "default": run_suite(run, MODULES),
        "malloc": run_suite(run, ALL_BY_MALLOC, PYTHONMALLOC="malloc"),
    }


CASE = Case(
    name="python",
    about=f"Python's own tests of {len(MODULES)} modules, and of {len(ALL_BY_MALLOC)} with"
    " `PYTHONMALLOC=malloc`: the outcome of each test",
    run=run,
    programs=("python3.11",),
    # As packages of one version: the tests are for just this Python.
    unpacked=("python3.11", "libpython3.11-testsuite"),
)
