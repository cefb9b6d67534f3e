# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What every bench is given: places, and what it may call."""

import dataclasses
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
RESULTS = ROOT / "bench-results"
PICTURES = ROOT / "docs/pictures"
LIBRARY = ROOT / "bazel-bin/allocator/libscudo_refpage.so"

PYTHON = "/usr/bin/python3"


def cache_directory():
    """Outside the tree: what is fetched is large and other people's."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    path = pathlib.Path(base) / "refpage-malloc" / "bench"
    path.mkdir(parents=True, exist_ok=True)
    return path


@dataclasses.dataclass(frozen=True)
class Context:
    binaries: pathlib.Path  # the compiled programs of benchmarks/
    cache: pathlib.Path  # kept between runs
    scratch: pathlib.Path  # gone after this one
    say: object  # one line of text, for the person who waits
    # For benches that measure elsewhere than on this machine.
    runs: int = 1
    kernel: str = ""  # --kernel

    def binary(self, name):
        return str(self.binaries / name)
