# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the cases of the bench of the kernel's reference pages, in an emulated
machine with a kernel that has them."""

import dataclasses
import pathlib
import re
import shlex
import subprocess

from .. import build, stats
from ..case import parse_assignments
from ..context import ROOT
from ..samples import Samples
from ..schedule import order
from ..variants import Variant
from .kernel_cases import (
    COUNTED,
    LOOP,
    MEAN_FAULT_TIME,
    METHOD,
    METHODS,
    ONE_CPU,
    TIME,
    TWO_CPUS,
)

_PROGRAM = "//benchmarks:kernel"
_LIBRARY = "//allocator:libscudo_refpage.so"
_MODULE = ROOT / "platform/linux_kernel/module/build"
_SYSCALL = ROOT / "platform/linux_kernel/syscall/build"


def command_of(case, method):
    words = ["./kernel"]
    for word in case.command:
        words.append(method.argument if word == METHOD else word)
    if method.argument != "malloc":
        return words
    return [
        "env",
        "LD_PRELOAD=./libscudo_refpage.so",
        f"REFPAGE_OPTIONS={method.options}{case.options}",
        *words,
    ]


def script(cases, rounds, leave_out):
    """Runs in the machine's shell. What a program prints follows its name.
    Huge pages are for those who ask."""
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
                        shlex.join(command_of(case, method)) + " 2>&1",
                        "echo status=$?",
                    ]
    return "\n".join(lines) + "\n"


def _values(body):
    lines = re.findall(r"^\w+=-?[\d.]+$", body, re.M)
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
        if key in COUNTED and case.machine == ONE_CPU:
            row[COUNTED[key].key] = value / 1e3
        elif key == "iteration_ticks":
            row[TIME.key] = value / 1e3
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
        elif not _is_served(METHODS[method], values):
            samples.fail(case, method, f"another backend served:\n{body}")
        else:
            row = _counted(known[case], values)
            samples.add(case, method, int(number), row)
    return ran


def counts_instructions(text):
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


_LEAST_LOOP_SPEEDUP = 1.8

_MACHINES = {
    ONE_CPU: ("--clock", "instructions", "--cpus", "1"),
    TWO_CPUS: ("--cpus", "2"),
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
    if name == ONE_CPU and not counts_instructions(done.stdout):
        samples.fail(name, "", "the clock does not count instructions")
    return done.stdout


def loop_speedup(samples):
    """How much more a loop without faults did on two CPUs than on one: 2 if
    they were free. None if it was not measured."""

    def ticks(count):
        return samples.values(f"writing, {count}", LOOP.name, MEAN_FAULT_TIME)

    one, two = ticks("one"), ticks("2 processes")
    return stats.median(one) / stats.median(two) if one and two else None


def measure(context, cases, progress):
    """(variants, samples, a line about the machine)"""
    kernel = _make_kernel(context.kernel, context.scratch)
    build.bazel([_PROGRAM, _LIBRARY])
    samples = Samples()
    # What needs a clock comes first: the other does not care how busy it is.
    output = "".join(
        _run_machine(context, kernel, name, cases, samples, progress)
        for name in (TWO_CPUS, ONE_CPU)
    )
    for (case, name), message in samples.failures.items():
        progress.note(f"{case}, {name} FAILED: {message}")
    speedup = loop_speedup(samples)
    if speedup is not None and speedup < _LEAST_LOOP_SPEEDUP:
        progress.note(
            "the machine was too busy for what two CPUs do: two loops did"
            f" {speedup:.2f} times as much as one"
        )
    release = re.search(r"^machine: (\S+)", output, re.M)
    machine = (
        "An x86-64 machine emulated by QEMU, Linux"
        f" {release[1] if release else 'unknown'} ({kernel.name}), huge pages"
        " for those who ask"
    )
    return [Variant(name, "") for name in METHODS], samples, machine
