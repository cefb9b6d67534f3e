# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The benchmarks, one module each."""

from . import (
    buffers,
    churn,
    demo,
    fork,
    grow,
    malloc,
    micro,
    pdfium,
    programs,
    regret,
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
        malloc,
        small,
        regret,
        demo,
    )
}

# What "all" runs. The demonstration repeats cases of the others.
FULL = tuple(name for name in ALL if name != demo.BENCH.name)

# What "peers" runs.
UNDER_PEERS = tuple(name for name in FULL if ALL[name].under_peers)
