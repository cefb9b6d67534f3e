# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The benchmarks, one module each."""

from . import (
    buffers,
    churn,
    demo,
    fork,
    grow,
    kernel,
    malloc,
    micro,
    mte,
    pdfium,
    programs,
    regret,
    rss,
    small,
)

ALL = {
    module.BENCH.name: module.BENCH
    for module in (
        micro,
        churn,
        buffers,
        grow,
        fork,
        pdfium,
        programs,
        rss,
        malloc,
        small,
        regret,
        kernel,
        mte,
        demo,
    )
}

# What "all" runs. The demonstration repeats cases of the others; memory tags
# and other kernels are no matter of this machine.
FULL = tuple(
    name
    for name, bench in ALL.items()
    if not bench.measure and name != demo.BENCH.name
)

# What "peers" runs.
UNDER_PEERS = tuple(name for name in FULL if ALL[name].under_peers)
