# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Limits on one variant against another, and the verdict on them."""

import dataclasses

from . import stats
from .metrics import Metric

SUBJECT = "refpage"


@dataclasses.dataclass(frozen=True)
class Goal:
    """median(SUBJECT) <= factor * median(base) + plus."""

    metric: Metric
    base: str
    factor: float = 1.0
    plus: float = 0.0

    def judge(self, cell):
        """cell(variant, metric) gives the values measured. None if they are
        not there to judge by."""
        values, base = cell(SUBJECT, self.metric), cell(self.base, self.metric)
        if not values or not base:
            return None
        value, limit = stats.median(values), self._limit(stats.median(base))
        if value <= limit:
            return Verdict(True, "")
        return Verdict(False, self._miss(value, limit, values, base))

    def _limit(self, base_median):
        return self.factor * base_median + self.plus

    def _miss(self, value, limit, values, base):
        over = f"{self.metric.short} {100 * (value / limit - 1):.1f} % over"
        if self.plus:
            text = self.metric.text
            return f"{over}: {text(value)}, goal <= {text(limit)}"
        reached = value / stats.median(base)
        miss = f"{over}: {reached:.4g} of {self.base}, goal <= {self.factor:g}"
        interval = stats.ratio_interval(values, base)
        if interval:
            miss += f" (95 %: {interval[0]:.4g} to {interval[1]:.4g})"
        return miss


@dataclasses.dataclass(frozen=True)
class Verdict:
    met: bool
    why: str


def summary(goals, cell):
    """The text of the verdict column."""
    verdicts = [v for v in (goal.judge(cell) for goal in goals) if v]
    if not verdicts:
        return ""
    missed = [v.why for v in verdicts if not v.met]
    return "missed: " + "; ".join(missed) if missed else "met"
