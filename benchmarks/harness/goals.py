# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Limits on one variant against another, and the verdict on them."""

import dataclasses
from typing import Optional

from . import stats
from .metrics import Metric

SUBJECT = "refpage"


@dataclasses.dataclass(frozen=True)
class Lowest:
    """A base that is, of several variants, the one with the lowest median."""

    title: str  # in the head of a column
    names: tuple

    def __str__(self):
        return self.title


def base_name(base, median_of):
    """The variant that a base stands for, None if it was not measured.

    median_of(variant) gives None for what was not measured.
    """
    names = base.names if isinstance(base, Lowest) else (base,)
    medians = {name: median_of(name) for name in names}
    measured = [name for name in names if medians[name] is not None]
    return min(measured, key=medians.get, default=None)


@dataclasses.dataclass(frozen=True)
class Goal:
    """median(subject) <= factor * median(base) + plus."""

    metric: Metric
    base: object  # a variant's name, or a Lowest
    factor: float = 1.0
    plus: float = 0.0
    subject: str = SUBJECT
    # The base's values are those of another case.
    base_case: Optional[str] = None

    def judge(self, cell):
        """cell(variant, metric, case) gives the values measured; case None is
        the one at hand. None if they are not there to judge by."""

        def base_values(name):
            return cell(name, self.metric, self.base_case)

        def base_median(name):
            values = base_values(name)
            return stats.median(values) if values else None

        values = cell(self.subject, self.metric, None)
        name = base_name(self.base, base_median)
        if not values or name is None:
            return None
        value, limit = stats.median(values), self._limit(base_median(name))
        if value <= limit:
            return Verdict(True, "")
        why = self._miss(value, limit, values, base_values(name), name)
        return Verdict(False, why)

    def _limit(self, base_median):
        return self.factor * base_median + self.plus

    def _miss(self, value, limit, values, base, name):
        if not limit:
            text = self.metric.text
            return f"{self.metric.short} {text(value)}, goal {text(limit)}"
        over = f"{self.metric.short} {100 * (value / limit - 1):.1f} % over"
        if self.plus:
            text = self.metric.text
            return f"{over}: {text(value)}, goal <= {text(limit)}"
        of = f"{name}, {self.base_case}" if self.base_case else name
        reached = value / stats.median(base)
        miss = f"{over}: {reached:.4g} of {of}, goal <= {self.factor:.4g}"
        interval = stats.ratio_interval(values, base)
        if interval:
            miss += f" (95 %: {interval[0]:.4g} to {interval[1]:.4g})"
        return miss


@dataclasses.dataclass(frozen=True)
class Verdict:
    met: bool
    why: str


def summary(goals, subject, cell):
    """The text of the verdict column in the row of subject."""
    own = [goal for goal in goals if goal.subject == subject]
    verdicts = [v for v in (goal.judge(cell) for goal in own) if v]
    if not verdicts:
        return ""
    missed = [v.why for v in verdicts if not v.met]
    return "missed: " + "; ".join(missed) if missed else "met"
