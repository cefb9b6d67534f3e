# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the inputs of the programs, the same bytes on every machine."""

import random

_HOSTS = [f"node-{number:02d}" for number in range(40)]
_LEVELS = ["debug", "info", "info", "info", "notice", "warning", "error"]
_WORDS = (
    "accepted batch cache client closed connection entry expired flush index"
    " lease leader message node opened partition peer queue read rebalanced"
    " record refused replica request retry segment session shard snapshot"
    " stored stream timeout token topic transaction update worker write"
).split()


def log(file, size):
    """About size bytes of a service's log, in lines of about 75.

    They are in the order of time but begin with the host, so that sorting them
    is work.
    """
    draw = random.Random(1)
    written = 0
    second = 0
    while written < size:
        second += draw.randrange(3)
        clock = f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}"
        line = (
            f"{draw.choice(_HOSTS)} {draw.choice(_LEVELS)}"
            f" 2021-07-{1 + second // 86400 % 31:02d}"
            f"T{clock}:{second % 60:02d}Z"
            f" {' '.join(draw.choices(_WORDS, k=4))} in {draw.randrange(9999)}"
            " us\n"
        ).encode()
        written += file.write(line)


def image(file, width, height):
    """A PPM picture: two gradients and noise."""
    draw = random.Random(2)
    ramp = bytes(range(256)) * (2 + (width + height) // 256)
    file.write(f"P6 {width} {height} 255\n".encode())
    row = bytearray(3 * width)
    for y in range(height):
        row[0::3] = ramp[y : y + width]
        row[1::3] = ramp[2 * y % 256 : 2 * y % 256 + width]
        row[2::3] = draw.randbytes(width)
        file.write(row)
