# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rounds of all cases in all settings, and what differed."""

import os
import pathlib
import random
import shutil
import statistics
import tempfile
import time
import traceback

import harness

from .case import CaseError, Run
from .settings import REFERENCE

# For programs that refuse to run as root.
USER, GROUP = 65534, 65534  # nobody, nogroup
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups", "--")


class Outcomes:
    """What came of the runs of one case."""

    def __init__(self, case):
        self.case = case
        self.costs = {}  # setting's name -> [cost]
        self.faults = {}  # setting's name -> [text]
        self.expected = None  # the first result in the reference setting
        self.error = None  # why the case could not be run at all

    def fault(self, setting, text):
        self.faults.setdefault(setting, []).append(text)

    def median(self, setting, key):
        costs = self.costs.get(setting)
        return statistics.median(cost[key] for cost in costs) if costs else None


def order(settings, turn):
    """The reference first, which the others are compared with; the rest shuffled,
    so that none always runs after the same other one."""
    first = [s for s in settings if s.name == REFERENCE]
    rest = [s for s in settings if s.name != REFERENCE]
    # Of later rounds only the figures matter.
    together = rest if turn == 0 else first + rest
    random.Random(turn).shuffle(together)
    return first + together if turn == 0 else together


def run_case(case, place, settings, turn, outcomes, scratch):
    for setting in order(settings, turn):
        if outcomes.error:
            return
        if setting.name in outcomes.faults:
            continue
        began = time.monotonic()
        try:
            result, run = run_once(case, place, setting, scratch)
        except Exception as error:
            # Others are what a case met that did not find what it looks for.
            text = str(error)
            if not isinstance(error, CaseError):
                text = "".join(traceback.format_exception(error))
            if setting.name == REFERENCE:
                outcomes.error = text
            outcomes.fault(setting.name, text)
            print(f"{case.name}:{setting.name}: {text}")
            continue
        took = time.monotonic() - began
        cost = run.cost()
        print(
            f"{case.name}:{setting.name}: {took:.1f} s, {cost['cpu_s']:.6g} s CPU,"
            f" {cost['memory_kib'] / 1024:.1f} MiB, round {turn + 1}"
        )
        if outcomes.expected is None:
            outcomes.expected = result
        found = differences(case, outcomes.expected, result, run)
        if found:
            outcomes.fault(setting.name, found)
            print(f"{case.name}:{setting.name}: differs\n{found}")
        outcomes.costs.setdefault(setting.name, []).append(cost)


def run_once(case, place, setting, scratch):
    """(the result, the Run)"""
    top = pathlib.Path(tempfile.mkdtemp(dir=scratch, prefix=f"{case.name}-"))
    try:
        top.chmod(0o755)
        folder = top / "work"
        folder.mkdir()
        user = ()
        if not case.as_root and os.geteuid() == 0:
            user = AS_USER
            os.chown(folder, USER, GROUP)
        run = Run(place, setting, folder, user)
        return case.run(run), run
    finally:
        shutil.rmtree(top, ignore_errors=True)


def differences(case, expected, result, run):
    """A text, empty if there is none."""
    found = []
    missing = set(case.programs) - run.preloaded
    if missing:
        found.append(f"not preloaded: {', '.join(sorted(missing))}")
    for key in sorted(expected.keys() | result.keys()):
        if key not in result or key not in expected:
            where = "without" if key not in result else "with"
            found.append(f"{key}: only {where} the library")
        elif expected[key] != result[key]:
            found.append(harness.text_difference(key, expected[key], result[key]))
    return "\n".join(found)
