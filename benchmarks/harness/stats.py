# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Medians, spread and intervals."""

import random
import statistics

median = statistics.median


def relative_spread(values):
    """The interquartile range as a share of the median; 0 for one value."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    middle = median(values)
    return (high - low) / middle if middle else 0.0


def ratio_interval(values, base, resamples=1000, coverage=0.95):
    """The bootstrap interval of median(values) / median(base).

    Both lists hold one value a round. Rounds are drawn, not values, so that
    what disturbed a whole round disturbs both sides of the ratio. The draw is
    seeded: the same rows give the same interval.
    """
    count = min(len(values), len(base))
    draw = random.Random(0)
    ratios = []
    for _ in range(resamples):
        rounds = draw.choices(range(count), k=count)
        below = median([base[i] for i in rounds])
        if below:
            ratios.append(median([values[i] for i in rounds]) / below)
    if not ratios:
        return None
    ratios.sort()
    tail = (1 - coverage) / 2
    last = len(ratios) - 1
    return ratios[round(tail * last)], ratios[round((1 - tail) * last)]
