# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""By which lines a kernel says that it is not well.

A test that such a line comes with may have passed all the same. The texts are
those of Linux 6.1 to 6.12; in front, the sources that print them.
"""

import re

_TROUBLE = re.compile(
    "|".join(
        (
            # kernel/panic.c: WARN(); what lockdep and RCU find begins so, too
            r"WARNING:",
            # mm/page_alloc.c, kernel/sched/core.c and many others; the reports of
            # KASAN, KCSAN, KMSAN and KFENCE; a CPU's lockup
            r"BUG:",
            r"kernel BUG at",  # lib/bug.c
            r"\b(?:KASAN|KCSAN|KMSAN|KFENCE|UBSAN):",
            r"refcount_t:",  # lib/refcount.c
            r"list_(?:add|del) corruption",  # lib/list_debug.c
            r"[Bb]ad page",  # mm/page_alloc.c, mm/memory.c
            r"page dumped because",  # mm/debug.c
            r"page allocation failure",  # mm/page_alloc.c
            r"suspected memory leaks",  # mm/kmemleak.c
            r"detected (?:expedited )?stall|self-detected stall",  # kernel/rcu
            r"blocked for more than \d+ seconds",  # kernel/hung_task.c
            r"workqueue lockup",  # kernel/workqueue.c
            r"[Oo]ut of memory:|invoked oom-killer",  # mm/oom_kill.c
            # arch/*/kernel/traps.c, arch/*/mm/fault.c. The second is said of
            # programs, too, without a comma: those may want it.
            r"Unable to handle kernel|Internal error|Oops",
            r"general protection fault[,:]",
            r"Kernel panic",
            # Whatever the report, it has one of these.
            r"cut here|Call [Tt]race:",
            r"^vm: cannot ",  # guest/init.sh
        )
    )
)


def trouble(messages):
    """The lines of trouble among a kernel's messages."""
    return [line for line in messages.splitlines() if _TROUBLE.search(line)]
