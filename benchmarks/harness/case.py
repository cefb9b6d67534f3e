# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One program to be measured."""

import dataclasses
import pathlib
from typing import Callable, Optional


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    command: tuple
    goals: tuple = ()
    # Given on stdin, through a pipe: some programs treat a pipe otherwise than
    # a file.
    feed: Optional[pathlib.Path] = None
    # Takes the program's stdout and gives further metrics by their keys.
    parse: Optional[Callable] = None
    # Runs beside the program, as a server's client does. Not measured.
    companion: Optional[Callable] = None
    # Short programs need more runs than long ones for an equally sure median.
    runs_a_round: int = 1


def parse_assignments(stdout):
    """NAME=NUMBER lines, as the programs of this folder print them."""
    pairs = (line.split("=", 1) for line in stdout.splitlines() if "=" in line)
    return {key: float(value) for key, value in pairs}
