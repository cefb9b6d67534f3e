# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pictures of what was measured, by Debian's python3-matplotlib.

A module for each kind of picture, with a function that draws on a figure what is
in Rows; canvas.py makes the figure and the files. Only canvas.py needs matplotlib,
which is installed when a picture is asked for.
"""

import dataclasses
from typing import Callable


@dataclasses.dataclass(frozen=True)
class Picture:
    name: str  # of the files
    inches: tuple  # width, height
    draw: Callable  # (figure, Rows)
