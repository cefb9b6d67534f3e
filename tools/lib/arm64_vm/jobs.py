# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Commands that the machine runs, and what it reports of them."""

import dataclasses
import re

# What guest/report.sh prints.
_REPORT = re.compile(rb"@@report (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)\r?\n")


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
    output: bytes
    result: bytes
    lost: int  # bytes from the middle of the output

    def text(self):
        text = self.output.decode(errors="replace")
        if self.lost:
            half = len(text) // 2
            text = f"{text[:half]}\n[{self.lost} bytes left out]\n{text[half:]}"
        return text


class Reader:
    """Takes the machine's reports apart, as they arrive."""

    def __init__(self):
        self._bytes = b""

    def feed(self, more):
        """The reports that are complete now."""
        self._bytes += more
        reports = []
        while match := _REPORT.match(self._bytes):
            number, status, centiseconds, output, result, lost = map(
                int, match.groups()
            )
            start = match.end()
            if len(self._bytes) < start + output + result:
                break
            middle, end = start + output, start + output + result
            reports.append(
                Report(
                    number=number,
                    status=status,
                    seconds=centiseconds / 100,
                    output=self._bytes[start:middle],
                    result=self._bytes[middle:end],
                    lost=lost,
                )
            )
            self._bytes = self._bytes[end:]
        return reports

    def rest(self):
        """What is no complete report: nothing, if all went well."""
        return self._bytes
