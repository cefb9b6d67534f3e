# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real programs: some whose large blocks stay mostly unwritten, and controls
whose do not."""

import functools
import os

from .. import generate, inputs
from ..bench import FOUR, Bench
from ..case import Case
from ..context import BENCHMARKS, PYTHON
from ..goals import Goal
from ..metrics import CPU, MAX_RSS
from ..peers import RSS_GOALS
from . import redis

_PROGRAMS = BENCHMARKS / "programs"

# Of the programs that end within a tenth of a second.
_SHORT = 3

_RSS = (Goal(MAX_RSS, "anon", factor=1.01), *RSS_GOALS)
_SPARSE = (Goal(CPU, "anon", factor=1.03), *_RSS)
_DENSE = (Goal(CPU, "anon", factor=1.05), *_RSS)


def _log(context, name, size):
    return inputs.made(context, name, lambda file: generate.log(file, size))


def sort(context):
    # Through a pipe: of a file sort would look at the size and take less.
    return Case(
        name="sort -S 1G, 13 MB",
        command=("/usr/bin/sort", "-S", "1G"),
        feed=_log(context, "log-13M.txt", 13_000_000),
        goals=_SPARSE,
        runs_a_round=_SHORT,
    )


def xz(context):
    return Case(
        name="xz -9, 271 KB",
        command=(
            "/usr/bin/xz",
            "-9",
            "--threads=1",
            "--stdout",
            str(_log(context, "log-271K.txt", 271_000)),
        ),
        goals=_SPARSE,
        runs_a_round=_SHORT,
    )


def _python(script):
    # -I: nothing of the user's own Python set-up is measured.
    return (PYTHON, "-I", "-B", str(_PROGRAMS / script))


def _asyncio(context):
    return Case(
        name="asyncio echo",
        command=_python("asyncio_echo.py"),
        goals=_SPARSE,
        runs_a_round=_SHORT,
    )


def _numpy(context):
    return Case(
        name="numpy, sparse",
        command=_python("numpy_sparse.py"),
        goals=_DENSE,
    )


def _gm(context):
    picture = inputs.made(
        context,
        "picture-2400x1800.ppm",
        lambda file: generate.image(file, 2400, 1800),
    )
    return Case(
        name="gm resize + blur",
        command=(
            *("/usr/bin/gm", "convert", str(picture)),
            *("-limit", "threads", "1"),
            *("-resize", "50%", "-blur", "0x2", "ppm:/dev/null"),
        ),
        goals=_DENSE,
    )


def _clang(context):
    return Case(
        name="clang++ -O2",
        command=(
            *("/usr/bin/clang++-19", "-std=c++17", "-O2", "-c"),
            *(str(_PROGRAMS / "compile_input.cpp"), "-o", os.devnull),
        ),
        goals=_DENSE,
    )


def _redis(context):
    return Case(
        name="redis, 1M keys",
        command=redis.command(context),
        companion=functools.partial(redis.fill_and_stop, context, 1_000_000),
        goals=_DENSE,
    )


def _cases(context):
    makers = (sort, xz, _asyncio, _numpy, _gm, _clang, _redis)
    return [make(context) for make in makers]


BENCH = Bench(
    name="programs",
    about="sort, xz, asyncio, numpy, GraphicsMagick; clang++ and redis as"
    " controls",
    cases=_cases,
    runs=11,
    variants=FOUR,
    # redis-tools holds the server's binary without its service.
    packages=(
        "clang-19",
        "graphicsmagick",
        "python3-numpy",
        "redis-tools",
        "xz-utils",
    ),
)
