# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the bench of the kernel's reference pages compares, and by what."""

import dataclasses

from ..case import Case
from ..goals import Goal
from ..metrics import Metric

# --- Rows.


@dataclasses.dataclass(frozen=True)
class Method:
    name: str  # in the tables
    argument: str  # of the program
    options: str = ""  # of the library, which only malloc needs
    # What a block's mappings have to show: else another backend has served.
    expects: str = ""

    @property
    def needs_syscall(self):
        return "syscall" in self.name


RAW = (
    Method("anon", "anon"),
    Method("anon, huge pages", "anon-huge"),
    Method("memset", "memset"),
    Method("memset, huge pages", "memset-huge"),
    Method("populate, memset", "populate, memset"),
    Method("userfaultfd", "userfaultfd"),
    Method("windows of 64 KiB", "window-64K", expects="memfd"),
    Method("windows of 2 MiB", "window-2M", expects="memfd"),
    Method("syscall", "syscall", expects="refpage"),
    Method("module", "device", expects="refpage"),
    Method("module, unaccounted", "device-unaccounted", expects="refpage"),
    Method("module, fresh", "device-fresh", expects="refpage"),
)

# A mapping for each page: of 1 GiB they are more than a process may have.
PAGE_WINDOWS = Method("windows of 4 KiB", "window-4K", expects="memfd")


def _malloc(name, options, expects=""):
    return Method(f"malloc: {name}", "malloc", options, expects)


_TOLD = (
    _malloc("anon", "variant=anon"),
    _malloc("memset", "variant=memset"),
    _malloc("windows", "backend=memfd", "memfd"),
    _malloc("syscall", "backend=syscall", "refpage"),
    _malloc("module", "backend=device", "refpage"),
    _malloc("module, unaccounted", "backend=device_unaccounted", "refpage"),
    _malloc("module, fresh", "backend=device_fresh", "refpage"),
)
AS_IT_COMES = _malloc("as it comes", "backend=auto", expects="any")
# Two CPUs that compute: what they give without the kernel.
LOOP = Method("a loop, no faults", "loop")
METHODS = {
    it.name: it for it in (*RAW, PAGE_WINDOWS, *_TOLD, AS_IT_COMES, LOOP)
}

# What is asked of them.
_SUBJECTS = ("syscall", "module")

# --- Numbers.

ONE_CPU = "one CPU"  # whose instructions are counted
TWO_CPUS = "two CPUs"  # by the clock

INSTRUCTIONS = Metric(
    "instructions",
    "thousand instructions an iteration",
    "instructions",
    "{:,.1f}",
)
FAULTS = Metric(
    "iteration_faults", "page faults an iteration", "faults", "{:,.0f}"
)
MAPPINGS = Metric("mappings", "mappings", "mappings", "{:,.0f}")
WRITTEN = Metric(
    "written_kib", "resident, 1 % written (KiB)", "RSS", "{:,.0f}"
)
READ = Metric(
    "read_kib", "more when all is read (KiB)", "RSS growth", "{:,.0f}"
)
READ_FAULTS = Metric("read_faults", "faults of that", "faults", "{:,.0f}")
FORK_WRITTEN = Metric(
    "fork_written", "fork, 1 % written (thousand)", "fork", "{:,.0f}"
)
FORK_READ = Metric(
    "fork_read", "fork, all read (thousand)", "fork", "{:,.0f}"
)
TIME = Metric("ticks", "thousand ticks an iteration", "time", "{:,.0f}")
FAULT_TIME = Metric(
    "fault_ticks", "ticks a page, of all together", "time", "{:,.0f}"
)
MEAN_FAULT_TIME = Metric(
    "mean_fault_ticks", "mean ticks a page", "time", "{:,.0f}"
)

# What the program prints in ticks, where those are instructions.
COUNTED = {
    "iteration_ticks": INSTRUCTIONS,
    "fork_written_ticks": FORK_WRITTEN,
    "fork_read_ticks": FORK_READ,
}

# --- Columns.

METHOD = "METHOD"  # its place in a command


@dataclasses.dataclass(frozen=True)
class Column(Case):
    methods: tuple = RAW
    machine: str = ONE_CPU
    options: str = ""  # more of the library
    table: str = ""
    base: str = ""  # what the column is divided by


_MIB, _PAGE = 1 << 20, 4096
_PUBLISHED = 4_096_000
_NO_CACHE = ":cache_max=0"

_SPARSE_LIMIT = 1.15  # of anon
_DENSE_LIMITS = {"syscall": 1.0, "module": 1.15}  # of memset
_SPEEDUP = 1.7  # of two processes

_MEGATICKS = 250  # 0.1 s of a machine of 2.5 GHz
_TIMED_RUNS = 5  # times differ, counts do not


def _sparse_goals():
    return tuple(
        Goal(INSTRUCTIONS, "anon", factor=_SPARSE_LIMIT, subject=subject)
        for subject in _SUBJECTS
    )


def _dense_goals(metric=INSTRUCTIONS):
    return tuple(
        Goal(metric, "memset", factor=limit, subject=subject)
        for subject, limit in _DENSE_LIMITS.items()
    )


def _cycle(name, size, use, pages, iterations=None, warm_up=None, **more):
    """As many iterations as have a median, the fewer the longer they take."""
    times, least = (15, 3) if pages < 64 else (7, 2)
    if pages > 4096:
        times, least = 3, 1
    numbers = (pages, iterations or times, warm_up or least)
    command = ("cycle", METHOD, size, use, *numbers)
    return Column(name=name, command=tuple(map(str, command)), **more)


def _sparse(*words, **more):
    return _cycle(*words, goals=_sparse_goals(), base="anon", **more)


def _dense(*words, metric=INSTRUCTIONS, **more):
    return _cycle(*words, goals=_dense_goals(metric), base="memset", **more)


# Blocks are fresh each time, those of malloc, too.
_FRESH = {"methods": RAW + _TOLD, "options": _NO_CACHE}


def _published():
    """The series' own benchmark."""
    pages = _PUBLISHED // _PAGE
    methods = (*RAW, PAGE_WINDOWS, *_TOLD)
    of = {"table": "published", **_FRESH, "methods": methods}
    yield _sparse("T=4096", _PUBLISHED, "touch", 1, **of)
    yield _cycle(
        "T=half", _PUBLISHED, "touch", pages // 2, base="anon", **of
    )
    yield _dense("T=all", _PUBLISHED, "touch", pages, **of)


def _sizes():
    of = {"table": "sizes", **_FRESH}
    for size_name, size in (
        ("1 MiB", _MIB), ("4 MiB", 4 * _MIB), ("64 MiB", 64 * _MIB)
    ):
        pages = size // _PAGE
        where = (size, "touch-spread")
        yield _sparse(f"{size_name}, none", *where, 0, **of)
        yield _sparse(f"{size_name}, 1 %", *where, max(pages // 100, 1), **of)
        yield _dense(f"{size_name}, all", *where, pages, **of)
    size = 64 * _MIB
    yield _cycle(
        "64 MiB, all read", size, "read", size // _PAGE, base="anon",
        table="sizes",
    )


def _one_block():
    goals = [Goal(MAPPINGS, "anon", subject=subject) for subject in _SUBJECTS]
    goals += [
        Goal(READ, "anon", subject=subject)
        for subject in ("syscall", "module, unaccounted")
    ]
    command = ("block", METHOD, str(1 << 30), "3")
    yield Column("1 GiB", command, tuple(goals), table="block")


def _churn():
    for size_name, size in (("1 MiB", _MIB), ("16 MiB", 16 * _MIB)):
        pages = size // _PAGE
        shares = (("a page", 1), ("25 %", pages // 4), ("all", pages))
        for share, part in shares:
            for suffix, options in (("", ""), (", no cache", _NO_CACHE)):
                yield _cycle(
                    f"{size_name} {share}{suffix}", size, "fill", part,
                    # For the model that tells how much will be written.
                    warm_up=24,
                    methods=(*_TOLD, AS_IT_COMES),
                    options=options,
                    table="churn",
                    base="malloc: memset",
                )


def _timed():
    """By the clock, what the counts say of dense use. Each iteration is short
    enough that most are done before somebody else gets the processor."""
    yield _dense(
        "1 MiB, all, timed", _MIB, "touch", _MIB // _PAGE, iterations=101,
        metric=TIME, machine=TWO_CPUS, table="time", runs_a_round=_TIMED_RUNS,
        # Two threads that wake each other take seconds here.
        methods=tuple(it for it in RAW if it.name != "userfaultfd"),
    )


def _scaling():
    # One block of huge pages at a time; nothing of huge pages is asked here.
    methods = tuple(
        it for it in RAW if "huge" not in it.name and "populate" not in it.name
    )

    def column(name, word, who, count, goals=()):
        return Column(
            name,
            ("faults", METHOD, who, str(count), word, str(_MEGATICKS)),
            goals,
            methods=(LOOP, *methods),
            machine=TWO_CPUS,
            table="scaling",
            runs_a_round=_TIMED_RUNS,
        )

    for use, word in (("writing", "touch"), ("reading", "read")):
        one = f"{use}, one"
        goals = tuple(
            Goal(
                FAULT_TIME, subject, factor=1 / _SPEEDUP, subject=subject,
                base_case=one,
            )
            for subject in ("anon", *_SUBJECTS)
        )
        yield column(one, word, "processes", 1)
        yield column(f"{use}, 2 processes", word, "processes", 2, goals)
        yield column(f"{use}, 2 threads", word, "threads", 2)


def cases(_context):
    return [
        *_published(),
        *_sizes(),
        *_one_block(),
        *_churn(),
        *_timed(),
        *_scaling(),
    ]
