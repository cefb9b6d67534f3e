# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rounds over all cases and variants."""

import random
import time

from .runner import RunError
from .samples import Samples

WARM_UP = 0  # the number of the round that is not counted


def order(variants, turn):
    """The variants in the order of this turn.

    Shuffled, so that none always runs after the same other one; seeded, so that
    a bench can be repeated as it was.
    """
    shuffled = list(variants)
    random.Random(turn).shuffle(shuffled)
    return shuffled


def run_rounds(
    runner, cases, variants, runs, progress, seconds=None, stats=False
):
    """runs counted rounds, or as many (one at least) as begin within seconds.

    An interrupt ends the rounds early: what was measured so far is given.
    With stats, the round that is not counted shows the library's statistics.
    """
    samples = Samples()
    start = time.monotonic()
    try:
        for number in range(WARM_UP, runs + 1):
            elapsed = time.monotonic() - start
            if number > 1 and seconds and elapsed > seconds:
                progress.note(f"{seconds:g} s are over")
                break
            with_stats = stats and number == WARM_UP
            chosen = [v.with_stats() if with_stats else v for v in variants]
            _run_round(runner, cases, chosen, number, samples, progress)
            _say_progress(number, runs, seconds, start, progress)
    except KeyboardInterrupt:
        progress.note("interrupted")
    progress.close()
    return samples


def _run_round(runner, cases, variants, number, samples, progress):
    for case in cases:
        repeats = 1 if number == WARM_UP else case.runs_a_round
        for repeat in range(repeats):
            for variant in order(variants, number * repeats + repeat):
                progress.running(
                    f"round {number}: {case.name}, {variant.name}"
                )
                _run_once(runner, case, variant, number, samples, progress)


def _run_once(runner, case, variant, number, samples, progress):
    if (case.name, variant.name) in samples.failures:
        return
    try:
        row, stderr = runner.run(case, variant)
    except RunError as error:
        message = str(error).strip()
        samples.fail(case.name, variant.name, message)
        progress.note(f"{case.name}, {variant.name} FAILED: {message}")
        return
    if number != WARM_UP:
        samples.add(case.name, variant.name, number, row)
    elif stderr.strip():
        progress.note(
            f"{case.name}, {variant.name} wrote to stderr:\n{stderr.rstrip()}"
        )


def _say_progress(number, runs, seconds, start, progress):
    elapsed = time.monotonic() - start
    one = elapsed / (number + 1)
    left = one * (runs - number)
    if seconds:
        left = min(left, max(seconds - elapsed, 0))
    what = "warm-up" if number == WARM_UP else f"round {number} of {runs}"
    rest = f", about {left:.0f} s left" if left >= 1 else ""
    progress.done(f"{what} done, {one:.1f} s a round{rest}")
