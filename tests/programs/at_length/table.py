# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The table of time and memory, and its place in docs/programs.md."""

import os
import platform
import re

from .settings import REFERENCE, SUBJECT

BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def seconds(value):
    """Of a unit of work, which may be a request."""
    if value < 0.01:
        return f"{value * 1e6:.1f} us"
    return f"{value:.2f} s"


def mebibytes(value):
    return f"{value / 1024:.0f} MiB" if value >= 102400 else f"{value / 1024:.1f} MiB"


def ratio(value, base):
    return f"{value / base:.2f}" if base else ""


def cells(outcomes, settings, key, text):
    """The reference's own figure, and the others as ratios to it."""
    base = outcomes.median(REFERENCE, key)
    row = []
    for setting in settings:
        value = outcomes.median(setting.name, key)
        if value is None or setting.name in outcomes.faults:
            row.append("failed")
        elif setting.name == REFERENCE:
            row.append(text(value))
        else:
            row.append(ratio(value, base))
    return row


def bold(name):
    return f"**{name}**" if name == SUBJECT else name


def markdown(all_outcomes, settings):
    names = [setting.name for setting in settings]
    header = ["case", "result"]
    for title in ("CPU time", "real time", "memory"):
        header.append(f"{title}, {names[0]}")
        header += [f"{bold(name)}" for name in names[1:]]
    rows = []
    for outcomes in all_outcomes:
        ours = [setting.name for setting in settings if setting.is_ours]
        same = not outcomes.error and not any(name in outcomes.faults for name in (REFERENCE, *ours))
        rows.append(
            [
                f"`{outcomes.case.name}`",
                "the same" if same else "differs",
                *cells(outcomes, settings, "cpu_s", seconds),
                *cells(outcomes, settings, "real_s", seconds),
                *cells(outcomes, settings, "memory_kib", mebibytes),
            ]
        )
    lines = [header, ["---", "---", *["---:"] * (len(header) - 2)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def caption(rounds):
    with open("/proc/loadavg") as file:
        load = file.read().split()[2]
    return (
        f"Medians of {rounds} rounds; Linux {platform.release()} {platform.machine()},"
        f" {os.cpu_count()} CPUs, load {load} in the last quarter of an hour."
    )


def legend(all_outcomes):
    return "\n".join(
        f"- `{outcomes.case.name}`: {outcomes.case.about}" for outcomes in all_outcomes
    )


def update(path, text):
    """Replaces what is between the marks in the document."""
    document = path.read_text()
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.S)
    if not pattern.search(document):
        raise ValueError(f"{path} has no {BEGIN} ... {END}")
    path.write_text(pattern.sub(lambda _: f"{BEGIN}\n{text}\n{END}", document))
