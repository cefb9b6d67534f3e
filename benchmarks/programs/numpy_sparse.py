# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Result buffers made by numpy.empty as large as a result may become, of which
each holds less: the usual way to collect results whose number is not known."""

import numpy

BUFFERS = 14
CAPACITY = 2_000_000  # of float64, so 15 MiB
CANDIDATES = 1_000_000


def survivors(draw, buffer):
    """Fills the buffer's start with the values that pass; gives their number.

    In steps, so that the steps' own arrays stay small blocks beside it.
    """
    count = 0
    step = 4096
    for _ in range(0, CANDIDATES, step):
        values = draw.standard_normal(step)
        passed = values[values > -0.25]
        buffer[count : count + len(passed)] = passed
        count += len(passed)
    return count


def main():
    draw = numpy.random.default_rng(1)
    kept = []
    for _ in range(BUFFERS):
        buffer = numpy.empty(CAPACITY)
        kept.append((buffer, survivors(draw, buffer)))
    print(sum(float(buffer[:count].sum()) for buffer, count in kept))


main()
