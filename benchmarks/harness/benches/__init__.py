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
    mte,
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
        mte,
        demo,
    )
}

# What "all" runs. The demonstration repeats cases of the others; memory tags
# are no matter of this machine.
FULL = tuple(
    name for name in ALL if name not in (demo.BENCH.name, mte.BENCH.name)
)

# What "peers" runs.
UNDER_PEERS = tuple(name for name in FULL if ALL[name].under_peers)
