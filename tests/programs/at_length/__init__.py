# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real programs at length, under this library and under other allocators.

The programs' own test suites, servers under load, compilers and converters run in
each setting (settings.py); what comes out has to be what comes out on the C
library's malloc, and what it took is shown in a table.

    case.py      what a case is, and what it may call
    cases/       the cases, a file each
    tree.py      starts a program and measures it with all that it starts
    rounds.py    the rounds over cases and settings, and what differed
    table.py     the table, and docs/programs.md
"""
