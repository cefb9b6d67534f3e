# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real programs under the preload library do what they do without it.

Each file of cases/ is run once without the library and once in each of the
SETTINGS; exit status, stdout and produced files must be the same. A new case
is a new file: see CONTRIBUTING.md.

    /usr/bin/python3 tests/programs/programs_test.py --library PATH [-k PATTERN]
"""

import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import subprocess
import sys
import time
import unittest

import harness

SETTINGS = {
    "anon": "variant=anon",
    "memset": "variant=memset",
    "refpage": "variant=refpage",
    "memset_backend": "variant=refpage:backend=memset",
    "odd_pattern": "variant=refpage:pattern=deadbeef0badf00d",
}

# What a fresh large block reads as, where the setting promises anything.
EXPECTED_FILL = {
    "memset": "ab" * 8,
    "refpage": "ab" * 8,
    "memset_backend": "ab" * 8,
    "odd_pattern": "deadbeef0badf00d",
}

SHOW_MEMORY = """
import ctypes, sys
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
block = libc.malloc(ctypes.c_size_t(8 << 20))
with open("/proc/self/maps") as maps:
    print(sys.argv[1] in maps.read())
print(ctypes.string_at(block + (5 << 20), 8).hex())
"""


class Runs:
    """The runs of all selected cases, made ahead on every core.

    unittest itself goes through the tests one by one; each waits here for its
    own two runs.
    """

    def __init__(self, library):
        self.library = library
        self.pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self.futures = {}
        self.seconds = {}

    def start(self, case, setting):
        for key in ((case, None), (case, setting)):
            if key not in self.futures:
                self.futures[key] = self.pool.submit(self.timed_run, *key)

    def timed_run(self, case, setting):
        began = time.monotonic()
        try:
            if setting is None:
                return harness.run(case)
            return harness.run(case, self.library, SETTINGS[setting])
        finally:
            self.seconds[case, setting] = time.monotonic() - began

    def result(self, case, setting):
        self.start(case, setting)
        return self.futures[case, setting].result()

    def slowest(self, count):
        ordered = sorted(self.seconds.items(), key=lambda item: -item[1])
        return [(case, setting, took) for (case, setting), took in ordered[:count]]


class ProgramTest(unittest.TestCase):
    """One case in one setting."""

    def __init__(self, runs, case, setting):
        super().__init__("same_as_without_the_library")
        self.runs, self.case, self.setting = runs, case, setting

    def id(self):
        return f"{self.case.with_suffix('')}:{self.setting}"

    __str__ = id

    def same_as_without_the_library(self):
        expected = self.runs.result(self.case, None)
        actual = self.runs.result(self.case, self.setting)
        found = harness.differences(expected, actual)
        if found:
            self.fail("\n".join(["", *found]))


class InForceTest(unittest.TestCase):
    """The library is loaded, and the setting is the one it follows.

    Without this, every test here would pass for a library that is not there.
    """

    def __init__(self, runs, setting):
        super().__init__("setting_is_in_force")
        self.runs, self.setting = runs, setting

    def id(self):
        return f"library/in_force:{self.setting}"

    __str__ = id

    def setting_is_in_force(self):
        environment = dict(
            harness.ENVIRONMENT,
            LD_PRELOAD=str(self.runs.library),
            REFPAGE_OPTIONS=SETTINGS[self.setting],
        )
        output = subprocess.run(
            ["/usr/bin/python3", "-c", SHOW_MEMORY, self.runs.library.name],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        loaded, fill = output.split()
        self.assertEqual(loaded, "True", "the library is not in /proc/self/maps")
        if self.setting in EXPECTED_FILL:
            self.assertEqual(fill, EXPECTED_FILL[self.setting])


def select(tests, pattern):
    """As unittest's -k: a substring, or a pattern if it has a star."""
    if not pattern:
        return tests
    if "*" not in pattern:
        pattern = f"*{pattern}*"
    return [test for test in tests if fnmatch.fnmatch(test.id(), pattern)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", required=True, type=pathlib.Path)
    parser.add_argument("-k", metavar="PATTERN", help="only tests with such a name")
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument(
        "--count-file", help="write PASSED FAILED SKIPPED there, for tools/test"
    )
    arguments = parser.parse_args()
    # realpath: LD_PRELOAD cannot hold a path with a space or a colon, and
    # Bazel's own folder behind bazel-bin has neither.
    library = arguments.library.resolve()
    if not library.is_file():
        parser.error(f"no such library: {arguments.library}")

    runs = Runs(library)
    tests = [InForceTest(runs, setting) for setting in SETTINGS]
    tests += [
        ProgramTest(runs, case, setting)
        for case in harness.find_cases()
        for setting in SETTINGS
    ]
    tests = select(tests, arguments.k)
    if arguments.list:
        print("\n".join(test.id() for test in tests))
        return 0
    if not tests:
        parser.error(f"no test matches {arguments.k!r}")
    for test in tests:
        if isinstance(test, ProgramTest):
            runs.start(test.case, test.setting)

    try:
        result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(
            unittest.TestSuite(tests)
        )
    finally:
        runs.pool.shutdown(cancel_futures=True)
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    passed = result.testsRun - failed - skipped
    for case, setting, took in runs.slowest(3):
        print(f"slow: {took:.1f} s for {case} [{setting or 'without the library'}]")
    print(f"real programs: {passed} passed, {failed} failed")
    if arguments.count_file:
        counts = f"{passed} {failed} {skipped}\n"
        pathlib.Path(arguments.count_file).write_text(counts)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
