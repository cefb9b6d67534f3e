# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bazel's tests as jobs for the machine, and what came of them."""

import contextlib
import dataclasses
import io
import json
import pathlib
import re
import xml.etree.ElementTree

import count_tests

from .jobs import Job

# Bazel's own names for how long a test may take, in seconds.
_TIMEOUTS = {"short": 60, "moderate": 300, "long": 900, "eternal": 3600}

# Says in a line where it runs.
_REPORT = "//tests/emulation:report"
# A program that calls the kernel much is slower by this in the machine.
_SLOWER = 5


@dataclasses.dataclass(frozen=True)
class Built:
    """What Bazel built: see tools/vm for the two reports this is read from."""

    jobs: list  # the tests
    report: Job  # what each machine has to say of itself
    files: dict  # by their names in the machine
    expected: str  # in what the report says


def _place(path):
    """Where a file of the build is in the machine: without bazel-out/CPU/bin/.

    What is built for different tests lies in one tree, as Bazel itself has it,
    so that libraries are found by the same relative paths.
    """
    return re.sub(r"^bazel-out/[^/]+/bin/", "", path)


def read_build(rules_json, files_text, root, expected):
    """rules_json: `cquery --output=jsonproto`. files_text: of each test a line
    of its label, its program and all files it needs, parted by tabs; they are
    relative to root."""
    files, programs = {}, {}
    for line in files_text.splitlines():
        label, program, *needed = line.split("\t")
        programs[label] = _place(program)
        for path in (program, *needed):
            files[_place(path)] = pathlib.Path(root, path)

    jobs, report = [], None
    for result in json.loads(rules_json)["results"]:
        rule = result["target"]["rule"]
        program = programs.get(rule["name"])
        if program is None:
            continue
        if rule["name"] == _REPORT:
            report = Job(name=_REPORT, command=("./" + program,))
            continue
        attributes = {item["name"]: item for item in rule["attribute"]}
        environment = {
            pair["key"]: pair["value"]
            for pair in attributes.get("env", {}).get("stringDictValue", [])
        }
        arguments = attributes.get("args", {}).get("stringListValue", [])
        timeout = attributes["timeout"]["stringValue"]
        shards = max(1, attributes.get("shard_count", {}).get("intValue", 1))
        for shard in range(shards):
            sharding = {}
            if shards > 1:
                sharding = {
                    "GTEST_TOTAL_SHARDS": str(shards),
                    "GTEST_SHARD_INDEX": str(shard),
                }
            jobs.append(
                Job(
                    name=rule["name"],
                    command=("./" + program, *arguments),
                    environment={
                        "TEST_SRCDIR": "/vm",
                        "TEST_WORKSPACE": "files",
                        **environment,
                        **sharding,
                    },
                    seconds=_TIMEOUTS[timeout] * _SLOWER,
                )
            )
    # Those that may take long first, so that all workers end at about one time.
    jobs.sort(key=lambda job: (-job.seconds, job.name))
    return Built(jobs, report, files, expected)


class Results:
    """Hands out jobs by their numbers, and counts the cases of GoogleTest's
    reports. Number 0 is the machine's report on itself."""

    def __init__(self, built):
        self._jobs = [built.report, *built.jobs]
        self._expected = built.expected
        self._waiting = iter(range(1, len(self._jobs)))
        self._missing = set(range(1, len(self._jobs)))
        self._count = count_tests.Count()

    def take_job(self):
        return next(self._waiting, None)

    def name_of(self, number):
        return self._jobs[number].name

    def add(self, report):
        """A line for people; more if the test failed."""
        job = self._jobs[report.number]
        if report.number == 0:
            text = report.text().strip()
            if report.status != 0 or self._expected not in text:
                self.fail(f"the machine has not what is to be tested: {text}")
            return f"machine: {text}"
        self._missing.discard(report.number)
        before = len(self._count.failures)
        passed, skipped = self._count.passed, self._count.skipped
        try:
            self._count.add_report(job.name, io.BytesIO(report.result))
            why = f"exit status {report.status}" if report.status else None
        except xml.etree.ElementTree.ParseError:
            why = f"exit status {report.status}, without a result"
        if report.seconds >= job.seconds:
            why = "took too long"
        if why and len(self._count.failures) == before:
            self._count.failures.append(f"{job.name}: {why}")
        failures = self._count.failures[before:]
        counts = f"{self._count.passed - passed} passed"
        if self._count.skipped > skipped:
            counts += f", {self._count.skipped - skipped} skipped"
        line = f"{job.name}: {counts}, {len(failures)} failed"
        line += f", {report.seconds:.1f} s, CPU {report.cpu_seconds:.1f} s"
        line += self._reasons_of_skipping(report)
        if failures:
            line += "\n" + "\n".join([*failures, report.text()])
        return line

    @staticmethod
    def _reasons_of_skipping(report):
        reasons = {}
        with contextlib.suppress(xml.etree.ElementTree.ParseError):
            for case in xml.etree.ElementTree.fromstring(report.result).iter("skipped"):
                # The place, in a line of its own, then the reason.
                reason = case.get("message", "").partition("\n")[2].strip()
                reasons[reason] = reasons.get(reason, 0) + 1
        return "".join(
            f"\n  {number} skipped: {reason}" for reason, number in reasons.items()
        )

    def note_missing(self):
        for number in sorted(self._missing):
            self.fail(f"{self.name_of(number)}: did not run")
        self._missing.clear()

    def fail(self, what):
        self._count.failures.append(what)

    def failures(self):
        return self._count.failures

    def counts(self):
        return self._count.passed, len(self._count.failures), self._count.skipped
