# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Commands that the machine runs, and what it reports of them."""

import dataclasses
import re

# What guest/jobs.sh prints.
_REPORT = re.compile(rb"@@report (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)\r?\n")
_READY = b"@@ready\n"


def name(number):
    """Of a job, in the machine."""
    return b"%04d" % number


@dataclasses.dataclass(frozen=True)
class Job:
    name: str  # for people
    command: tuple
    environment: dict = dataclasses.field(default_factory=dict)
    seconds: int = 300  # what it may take


@dataclasses.dataclass(frozen=True)
class Report:
    number: int
    status: int
    seconds: float
    cpu_seconds: float
    output: bytes
    result: bytes
    lost: int  # bytes from the middle of the output

    def text(self):
        text = self.output.decode(errors="replace")
        if self.lost:
            half = len(text) // 2
            text = f"{text[:half]}\n[{self.lost} bytes left out]\n{text[half:]}"
        return text


class Dispatcher:
    """Talks with one machine: gives it jobs, takes its reports."""

    def __init__(self, take_job, add_report):
        """take_job() gives a job's number, or None when there are no more. The
        first is always 0."""
        self._take_job = take_job
        self._add_report = add_report
        self._bytes = b""
        self._cpu_seconds = self._began = 0.0
        self.at_work = None  # on this job

    def talk(self, data, cpu_seconds):
        """Takes what the machine sent; gives what to send it."""
        self._bytes += data
        self._cpu_seconds = cpu_seconds
        if self.at_work is None:
            if not self._bytes.startswith(_READY):
                return b""
            self._bytes = self._bytes[len(_READY) :]
            return self._give(0)
        report = self._next_report()
        if not report:
            return b""
        self._add_report(report)
        return self._give(self._take_job())

    def _give(self, number):
        self.at_work = number
        self._began = self._cpu_seconds
        return b"end\n" if self.at_work is None else b"%s\n" % name(self.at_work)

    def _next_report(self):
        match = _REPORT.match(self._bytes)
        if not match:
            return None
        number, status, centiseconds, output, result, lost = map(int, match.groups())
        start = match.end()
        middle, end = start + output, start + output + result
        if len(self._bytes) < end:
            return None
        report = Report(
            number=number,
            status=status,
            seconds=centiseconds / 100,
            cpu_seconds=self._cpu_seconds - self._began,
            output=self._bytes[start:middle],
            result=self._bytes[middle:end],
            lost=lost,
        )
        self._bytes = self._bytes[end:]
        return report

    def rest(self):
        """What was sent beyond reports: nothing, if all went well."""
        return self._bytes
