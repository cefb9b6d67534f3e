# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reference pages made by the kernel against all that could replace them, in an
emulated x86-64 machine.

One kernel has them all: the system call is in it, the module is loaded. What one
CPU does is counted in instructions, which come out the same each time. What two
do at once needs a clock.
"""

import dataclasses
import pathlib
import re
import shlex
import subprocess

from .. import build, stats
from ..bench import Bench
from ..case import Case, parse_assignments
from ..context import ROOT
from ..goals import Goal
from ..metrics import Metric
from ..report import markdown
from ..samples import Samples
from ..schedule import order
from ..variants import Variant

_PROGRAM = "//benchmarks:kernel"
_LIBRARY = "//allocator:libscudo_refpage.so"
_MODULE = ROOT / "platform/linux_kernel/module/build"
_SYSCALL = ROOT / "platform/linux_kernel/syscall/build"

# --- Rows.


@dataclasses.dataclass(frozen=True)
class _Method:
    name: str  # in the tables
    argument: str  # of the program
    options: str = ""  # of the library, which only malloc needs
    # What a block's mappings have to show: else another backend has served.
    expects: str = ""

    @property
    def needs_syscall(self):
        return "syscall" in self.name


_RAW = (
    _Method("anon", "anon"),
    _Method("anon, huge pages", "anon-huge"),
    _Method("memset", "memset"),
    _Method("memset, huge pages", "memset-huge"),
    _Method("populate, memset", "populate, memset"),
    _Method("userfaultfd", "userfaultfd"),
    _Method("windows of 64 KiB", "window-64K", expects="memfd"),
    _Method("windows of 2 MiB", "window-2M", expects="memfd"),
    _Method("syscall", "syscall", expects="refpage"),
    _Method("module", "device", expects="refpage"),
    _Method("module, unaccounted", "device-unaccounted", expects="refpage"),
    _Method("module, fresh", "device-fresh", expects="refpage"),
)


def _malloc(name, options, expects=""):
    return _Method(f"malloc: {name}", "malloc", options, expects)


_AS_IT_COMES = _malloc("as it comes", "backend=auto", expects="any")
_MALLOC = (
    _malloc("anon", "variant=anon"),
    _malloc("memset", "variant=memset"),
    _malloc("windows", "backend=memfd", expects="memfd"),
    _malloc("syscall", "backend=syscall", expects="refpage"),
    _malloc("module", "backend=device", expects="refpage"),
    _malloc(
        "module, unaccounted", "backend=device_unaccounted", expects="refpage"
    ),
    _malloc("module, fresh", "backend=device_fresh", expects="refpage"),
    _AS_IT_COMES,
)
# Two CPUs that compute: what they give without the kernel.
_LOOP = _Method("a loop, no faults", "loop")
_METHODS = {method.name: method for method in (*_RAW, *_MALLOC, _LOOP)}

_ONE_CPU = "one CPU"  # whose instructions are counted
_TWO_CPUS = "two CPUs"  # by the clock

# --- Numbers.

_INSTRUCTIONS = Metric(
    "instructions", "thousand instructions an iteration", "instructions", "{:,.1f}"
)
_FAULTS = Metric("iteration_faults", "page faults an iteration", "faults", "{:,.0f}")
_MAPPINGS = Metric("mappings", "mappings of a block", "mappings", "{:,.0f}")
_WRITTEN = Metric("written_kib", "resident, 1 % written (KiB)", "RSS", "{:,.0f}")
_READ = Metric("read_kib", "more after reading all (KiB)", "RSS growth", "{:,.0f}")
_READ_FAULTS = Metric("read_faults", "faults of that", "faults", "{:,.0f}")
_FORK_WRITTEN = Metric(
    "fork_written", "fork, 1 % written (thousand instructions)", "fork", "{:,.0f}"
)
_FORK_READ = Metric(
    "fork_read", "fork, all read (thousand instructions)", "fork", "{:,.0f}"
)
_TIME = Metric("ticks", "thousand ticks an iteration", "time", "{:,.0f}")
_FAULT_TIME = Metric("fault_ticks", "ticks a page, of all together", "time", "{:,.0f}")
_MEAN_FAULT_TIME = Metric("mean_fault_ticks", "mean ticks a page", "time", "{:,.0f}")

# What the program prints in ticks, where those are instructions.
_COUNTS = {
    "iteration_ticks": _INSTRUCTIONS,
    "fork_written_ticks": _FORK_WRITTEN,
    "fork_read_ticks": _FORK_READ,
}

# --- Columns.

_METHOD = "METHOD"  # its place in a command


@dataclasses.dataclass(frozen=True)
class _Case(Case):
    methods: tuple = _RAW
    machine: str = _ONE_CPU
    options: str = ""  # more of the library
    table: str = ""
    base: str = ""  # what the column is divided by


_KIB, _MIB, _PAGE = 1 << 10, 1 << 20, 4096
_PUBLISHED = 4_096_000
_FRESH = ":cache_max=0"

_SPARSE_LIMIT = 1.15  # of anon
_DENSE_LIMITS = {"syscall": 1.0, "module": 1.15}  # of memset
_SPEEDUP = 1.7  # of two processes


def _sparse_goals():
    return tuple(
        Goal(_INSTRUCTIONS, "anon", factor=_SPARSE_LIMIT, subject=subject)
        for subject in _DENSE_LIMITS
    )


def _dense_goals(metric=_INSTRUCTIONS):
    return tuple(
        Goal(metric, "memset", factor=limit, subject=subject)
        for subject, limit in _DENSE_LIMITS.items()
    )


def _cycle(name, size, use, pages, table, goals=(), base="anon", **more):
    """As many iterations as have a median, the fewer the longer they take."""
    iterations, warm_up = (15, 3) if pages < 64 else (7, 2)
    if pages > 4096:
        iterations, warm_up = 3, 1
    warm_up = more.pop("warm_up", warm_up)
    command = ("cycle", _METHOD, size, use, pages, iterations, warm_up)
    return _Case(
        name=name,
        command=tuple(map(str, command)),
        goals=goals,
        table=table,
        base=base,
        **more,
    )


def _published(**more):
    """The series' own benchmark."""
    every = {"T=4096": 1, "T=half": _PUBLISHED // _PAGE // 2, "T=all": _PUBLISHED // _PAGE}
    for name, pages in every.items():
        goals = () if name == "T=half" else _sparse_goals() if pages == 1 else _dense_goals()
        base = "memset" if name == "T=all" else "anon"
        yield _cycle(
            name, _PUBLISHED, "touch", pages, "published", goals, base,
            methods=_RAW + _MALLOC[:-1], options=_FRESH,
        )


def _sizes():
    for name, size in {"1 MiB": _MIB, "4 MiB": 4 * _MIB, "64 MiB": 64 * _MIB}.items():
        pages = size // _PAGE
        of_all = {"methods": _RAW + _MALLOC[:-1], "options": _FRESH}
        yield _cycle(f"{name}, none", size, "touch-spread", 0, "sizes", _sparse_goals(), **of_all)
        yield _cycle(
            f"{name}, 1 %", size, "touch-spread", max(pages // 100, 1), "sizes",
            _sparse_goals(), **of_all,
        )
        yield _cycle(
            f"{name}, all", size, "touch-spread", pages, "sizes",
            _dense_goals(), "memset", **of_all,
        )
    yield _cycle("64 MiB, all read", 64 * _MIB, "read", 64 * _MIB // _PAGE, "sizes")


def _one_block():
    goals = tuple(
        Goal(_MAPPINGS, "anon", subject=subject) for subject in _DENSE_LIMITS
    ) + tuple(
        Goal(_READ, "anon", subject=subject)
        for subject in ("syscall", "module, unaccounted")
    )
    yield _Case(
        "1 GiB", ("block", _METHOD, str(1 << 30), "3"), goals, table="block"
    )


def _churn():
    for size_name, size in {"1 MiB": _MIB, "16 MiB": 16 * _MIB}.items():
        pages = size // _PAGE
        for share, part in {"a page": 1, "25 %": pages // 4, "all": pages}.items():
            for suffix, options in {"": "", ", no cache": _FRESH}.items():
                yield _cycle(
                    f"{size_name} {share}{suffix}", size, "fill", part, "churn",
                    base="malloc: memset", methods=_MALLOC, options=options,
                    # For the model that tells how much will be written.
                    warm_up=24,
                )


_MEGATICKS = 250  # 0.1 s of a machine of 2.5 GHz
_TIMED_RUNS = 5  # times differ, counts do not


def _scaling():
    methods = tuple(
        m for m in _RAW if m.name not in ("populate, memset", "memset, huge pages", "anon, huge pages")
    )
    for use, word in {"writing": "touch", "reading": "read"}.items():
        for who in ("processes", "threads"):
            one = f"{use}, one"
            if who == "processes":
                yield _Case(
                    one, ("faults", _METHOD, who, "1", word, str(_MEGATICKS)),
                    methods=(_LOOP, *methods), machine=_TWO_CPUS, table="scaling",
                    runs_a_round=_TIMED_RUNS,
                )
            goals = tuple(
                Goal(_FAULT_TIME, s, factor=1 / _SPEEDUP, subject=s, base_case=one)
                for s in ("anon", *_DENSE_LIMITS)
            )
            yield _Case(
                f"{use}, 2 {who}", ("faults", _METHOD, who, "2", word, str(_MEGATICKS)),
                goals if who == "processes" else (),
                methods=(_LOOP, *methods), machine=_TWO_CPUS, table="scaling",
                    runs_a_round=_TIMED_RUNS,
            )


def _timed():
    """By the clock, what the counts say of dense use."""
    yield _cycle(
        "T=all, timed", _PUBLISHED, "touch", _PUBLISHED // _PAGE, "time",
        _dense_goals(_TIME), base="memset", methods=_RAW, machine=_TWO_CPUS,
        runs_a_round=_TIMED_RUNS,
    )


def _cases(_context):
    return [
        *_published(), *_sizes(), *_one_block(), *_churn(), *_timed(), *_scaling()
    ]


# --- Running.


def _command(case, method):
    words = ["./kernel"]
    for word in case.command:
        words.append(method.argument if word == _METHOD else word)
    if method.argument != "malloc":
        return words
    return [
        "env",
        "LD_PRELOAD=./libscudo_refpage.so",
        f"REFPAGE_OPTIONS={method.options}{case.options}",
        *words,
    ]


def script(cases, rounds, leave_out):
    """Runs in the machine's shell. What a program prints follows its name. Huge
    pages are for those who ask."""
    lines = [
        'echo "machine: $(uname -r)"',
        "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
        "./kernel clock",
    ]
    for number in range(1, rounds + 1):
        for case in cases:
            methods = [m for m in case.methods if not leave_out(m)]
            for repeat in range(case.runs_a_round):
                for method in order(methods, number * 100 + repeat):
                    title = f"@@{number}@{case.name}@{method.name}"
                    lines += [
                        "echo " + shlex.quote(title),
                        shlex.join(_command(case, method)) + " 2>&1",
                        "echo status=$?",
                    ]
    return "\n".join(lines) + "\n"


def _values(body):
    lines = [
        line for line in body.splitlines() if re.fullmatch(r"\w+=-?[\d.]+", line)
    ]
    return parse_assignments("\n".join(lines))


def _is_served(method, values):
    if "has_memfd" not in values or method.expects == "any":
        return True
    served = {
        name for name in ("memfd", "refpage") if values[f"has_{name}"]
    }
    return served == ({method.expects} if method.expects else set())


def _counted(case, values):
    """What was in ticks under the names of what they are."""
    row = {}
    for key, value in values.items():
        if key in _COUNTS and case.machine == _ONE_CPU:
            row[_COUNTS[key].key] = value / 1e3
        elif key == "iteration_ticks":
            row[_TIME.key] = value / 1e3
        else:
            row[key] = value
    return row


def read_output(text, cases, samples):
    """Adds what a script printed. Gives what it ran, as pairs of names."""
    known, ran = {case.name: case for case in cases}, set()
    for part in re.split(r"^@@", text, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        number, case, method = title.split("@")
        values = _values(body)
        status = values.pop("status", None)
        ran.add((case, method))
        if status is None or status != 0:
            samples.fail(case, method, body.strip())
        elif not _is_served(_METHODS[method], values):
            samples.fail(case, method, f"another backend served:\n{body}")
        else:
            samples.add(case, method, int(number), _counted(known[case], values))
    return ran


def _check_clock(text):
    """Two million instructions; else nothing counted means anything."""
    loop = re.search(r"^loop_ticks=(\d+)$", text, re.M)
    return loop is not None and abs(int(loop[1]) / 2e6 - 1) < 0.01


@dataclasses.dataclass(frozen=True)
class _Kernel:
    name: str
    options: tuple  # of tools/vm
    has_syscall: bool


def _make_kernel(choice, place):
    """choice: 6.1 or 6.12 with the system call, debian- before that for
    Debian's own, or a folder that holds a bzImage and what modules are built
    against in `build`."""
    version = choice.removeprefix("debian-")
    for_module = ["--arch", "x86-64", "--output", place]
    options = ["--arch", "x86-64"]
    folder = pathlib.Path(choice)
    if choice != version:
        for_module += ["--kernel", version]
        options += ["--kernel", version]
    else:
        if not folder.is_dir():
            folder = place
            build.run([_SYSCALL, "--kernel", version, "--output", folder])
        for_module += ["--headers", folder / "build"]
        options += ["--kernel-image", folder / "bzImage"]
    build.run([_MODULE, *for_module])
    options += ["--module", f"{place}/refpage.ko allow_unaccounted=1"]
    return _Kernel(choice, tuple(options), has_syscall=choice == version)


_MACHINES = {
    _ONE_CPU: ("--clock", "instructions", "--cpus", "1"),
    _TWO_CPUS: ("--cpus", "2"),
}


def _run_machine(context, kernel, name, cases, samples, progress):
    """What it printed; the samples get what was measured."""
    here = [case for case in cases if case.machine == name]
    if not here:
        return ""

    def leave_out(method):
        return method.needs_syscall and not kernel.has_syscall

    text = script(here, context.runs, leave_out)
    path = context.scratch / "kernel.sh"
    path.write_text(text)
    progress.note(f"{text.count('@@')} runs in an emulated machine of {name}")
    command = [ROOT / "tools/vm", *kernel.options, *_MACHINES[name]]
    command += ["--file", path, "--seconds", "7200"]
    command += ["--file", ROOT / "bazel-bin/benchmarks/kernel"]
    command += ["--file", ROOT / "bazel-bin/allocator/libscudo_refpage.so"]
    done = subprocess.run(
        [*command, "--", "sh", "kernel.sh"], stdout=subprocess.PIPE, text=True
    )
    ran = read_output(done.stdout, here, samples)
    for case in here:
        for method in case.methods:
            if not leave_out(method) and (case.name, method.name) not in ran:
                samples.fail(case.name, method.name, "did not run")
    if done.returncode != 0:
        samples.fail(name, "", f"tools/vm failed with {done.returncode}")
    if name == _ONE_CPU and not _check_clock(done.stdout):
        samples.fail(name, "", "the clock does not count instructions")
    return done.stdout


def _measure(context, cases, progress):
    """(variants, samples, a line about the machine)"""
    kernel = _make_kernel(context.kernel, context.scratch)
    build.bazel([_PROGRAM, _LIBRARY])
    samples = Samples()
    # What needs a clock comes first: the other does not care how busy it is.
    output = "".join(
        _run_machine(context, kernel, name, cases, samples, progress)
        for name in (_TWO_CPUS, _ONE_CPU)
    )
    for (case, name), message in samples.failures.items():
        progress.note(f"{case}, {name} FAILED: {message}")
    release = re.search(r"^machine: (\S+)", output, re.M)
    machine = (
        "An x86-64 machine emulated by QEMU, Linux"
        f" {release[1] if release else 'unknown'} ({kernel.name}), huge pages"
        " for those who ask"
    )
    return [Variant(name, "") for name in _METHODS], samples, machine


# --- Tables.

_TABLES = {
    "published": (_INSTRUCTIONS, _FAULTS),
    "sizes": (_INSTRUCTIONS, _FAULTS, _MAPPINGS),
    "churn": (_INSTRUCTIONS, _FAULTS),
    "time": (_TIME,),
    "scaling": (_FAULT_TIME,),
}
_OF_ONE_BLOCK = (
    _MAPPINGS, _WRITTEN, _READ, _READ_FAULTS, _FORK_WRITTEN, _FORK_READ
)
_WITH_RATIOS = (_INSTRUCTIONS, _TIME)


def _rows_of(cases, variants):
    used = {method.name for case in cases for method in case.methods}
    return [variant.name for variant in variants if variant.name in used]


def _median(samples, case, name, metric):
    values = samples.values(case, name, metric)
    return stats.median(values) if values else None


def _text(samples, case, name, metric):
    if (case, name) in samples.failures:
        return "FAILED"
    value = _median(samples, case, name, metric)
    return "" if value is None else metric.text(value)


def _by_case(title, cases, names, cell):
    """A row for each name, a column for each case."""
    header = [title, *(case.name for case in cases), ""]
    rows = [[name, *(cell(case, name) for case in cases), ""] for name in names]
    return markdown(header, rows)


def _ratio(samples, metric):
    """Of the case's base, which is the row that reads 1.000 by its name."""

    def cell(case, name):
        value = _median(samples, case.name, name, metric)
        base = _median(samples, case.name, case.base, metric)
        return f"{value / base:.3f}" if value is not None and base else ""

    return cell


def _speedups(samples, cases, names):
    """What two do against what one does in the same time."""
    pairs = [case for case in cases if ", 2 " in case.name]

    def cell(case, name):
        one = case.name.split(",")[0] + ", one"
        # A loop tells what there is to be had: its mean is all of the time.
        metric = _MEAN_FAULT_TIME if name == _LOOP.name else _FAULT_TIME
        value = _median(samples, case.name, name, metric)
        base = _median(samples, one, name, metric)
        return f"{base / value:.2f}" if value and base else ""

    return _by_case("times as much as one", pairs, names, cell)


def _verdicts(cases, samples):
    rows = []
    for case in cases:

        def cell(name, metric, other=None, case=case):
            return samples.values(other or case.name, name, metric)

        for goal in case.goals:
            verdict = goal.judge(cell)
            if verdict is None:
                continue
            value = _median(samples, case.name, goal.subject, goal.metric)
            base = _median(
                samples, goal.base_case or case.name, goal.base, goal.metric
            )
            of = f"{goal.base}, {goal.base_case}" if goal.base_case else goal.base
            rows.append(
                [
                    case.name,
                    goal.subject,
                    f"{goal.metric.short} <= {goal.factor:.3g} of {of}",
                    f"{value / base:.3f}" if base else goal.metric.text(value),
                    "met" if verdict.met else "missed",
                ]
            )
    return markdown(["case", "variant", "goal", "reached", "verdict"], rows, left=3)


def _table(cases, variants, samples, _layout):
    parts = []
    for key, metrics in _TABLES.items():
        here = [case for case in cases if case.table == key]
        names = _rows_of(here, variants)
        if not here:
            continue
        for metric in metrics:
            parts.append(
                _by_case(
                    metric.title, here, names,
                    lambda case, name: _text(samples, case.name, name, metric),
                )
            )
            if metric in _WITH_RATIOS:
                parts.append(
                    _by_case(
                        "as a ratio", here, names, _ratio(samples, metric)
                    )
                )
        if key == "scaling":
            parts.append(_speedups(samples, here, names))
    for case in cases:
        if case.table == "block":
            header = [case.name, *(metric.title for metric in _OF_ONE_BLOCK), ""]
            rows = [
                [
                    name,
                    *(_text(samples, case.name, name, m) for m in _OF_ONE_BLOCK),
                    "",
                ]
                for name in _rows_of([case], variants)
            ]
            parts.append(markdown(header, rows))
    parts.append(_verdicts(cases, samples))
    return "\n\n".join(parts)


BENCH = Bench(
    name="kernel",
    about="reference pages of the kernel, in an emulated x86-64 machine",
    cases=_cases,
    runs=1,
    measure=_measure,
    table=_table,
    under_peers=False,
)
