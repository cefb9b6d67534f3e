# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""stress-ng's stressors of malloc, and others that live on it, with --verify."""

import re

from ..case import Case

# By stressor: how many operations, a few seconds together on glibc, and more.
STRESSORS = {
    "malloc": ("40000", "--malloc-bytes=8m", "--malloc-max=512", "--malloc-pthreads=2"),
    "bigheap": ("300", "--bigheap-growth=1m"),
    "heapsort": ("8",),
    "list": ("60",),
    "zlib": ("20",),
}


def run(run):
    results = {}
    for name, (operations, *more) in STRESSORS.items():
        stdout = run.program(
            *(run.place.packages / "usr/bin/stress-ng", f"--{name}=2"),
            *(f"--{name}-ops={operations}", *more, "--verify"),
            *("--no-rand-seed", "--stdout", "--timeout=1200"),
            LD_LIBRARY_PATH=run.place.libraries(),
        )
        # What failed, and sums of what came out. Times and process ids differ.
        lines = re.sub(r"\[\d+\]| in [\d.]+s.*", "", stdout).splitlines()
        told = [line for line in lines if "setting to a" not in line]
        results[name] = "\n".join(sorted(told))
    return results


CASE = Case(
    name="stress-ng",
    about="stress-ng's stressors `malloc` (with threads), `bigheap` (`realloc`),"
    " `heapsort`, `list` and `zlib`, two of each, with `--verify`",
    run=run,
    programs=("stress-ng",),
    unpacked=("stress-ng",),
)
