# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What memory tags cost on large blocks, in an emulated arm64 machine.

Time means nothing there. Instructions, faults and resident memory do, and are
the same each time.
"""

import dataclasses
import re
import shlex
import subprocess

from .. import build
from ..bench import Bench
from ..case import Case, parse_assignments
from ..context import ROOT
from ..metrics import Metric
from ..report import markdown
from ..samples import Samples
from ..variants import Variant

_PROGRAM = "//benchmarks:mte"
_LIBRARY = "//allocator:libscudo_refpage.so"

_SIZES = {"4 MiB": 4 << 20, "64 MiB": 64 << 20}
_SHARES = {"untouched": 0, "1 % written": 1, "all written": 100}

_INSTRUCTIONS = Metric(
    "instructions", "instructions (M)", "instructions", "{:.2f}"
)
_FAULTS = Metric("minor_faults", "minor faults", "faults", "{:.0f}")
_RESIDENT = Metric("resident_kib", "resident (KiB)", "RSS", "{:.0f}")
_WINDOWS = Metric("windows_kib", "windows (KiB)", "windows", "{:.0f}")
_TAGGED = Metric("tagged", "tagged", "tagged", "{:.0f}")


@dataclasses.dataclass(frozen=True)
class _Method:
    name: str  # in the table
    argument: str  # of the program
    options: str = ""  # of the library, which only malloc needs
    is_tagged: bool = True
    # Of such blocks, for what malloc learns. The loops learn nothing.
    uses_before: int = 60


def _loops():
    pages = {"small": "4 KiB pages", "huge": "huge pages"}
    loops = {
        "stg": "STG",
        "st2g": "ST2G",
        "dcgva": "DC GVA",
        "fill": "DC GVA and memset",
    }
    return [
        _Method(f"{title}, {pages[size]}", f"{loop}-{size}")
        for loop, title in loops.items()
        for size in pages
    ]


# The last row of each case is what one gets who chooses nothing, after sixty
# uses of the same size and share.
_METHODS = {
    method.name: method
    for method in (
        _Method("untagged, 4 KiB pages", "none-small", is_tagged=False),
        _Method("untagged, huge pages", "none-huge", is_tagged=False),
        *_loops(),
        _Method("malloc: untagged", "malloc", "tag=off", is_tagged=False),
        _Method("malloc: tag_store", "malloc", "tag=sync:backend=memset"),
        _Method("malloc: windows", "malloc", "tag=sync:backend=memfd"),
        _Method(
            "malloc: no fill", "malloc", "tag=sync:variant=anon"
        ),
        _Method(
            "malloc: no fill, 400 uses",
            "malloc",
            "tag=sync:variant=anon",
            uses_before=400,
        ),
        _Method("malloc: as it comes, 400 uses", "malloc", "tag=sync", uses_before=400),
        _Method("malloc: as it comes", "malloc", "tag=sync"),
    )
}


def _cases(_context):
    return [
        Case(name=f"{size_name}, {share_name}", command=(str(size), str(share)))
        for size_name, size in _SIZES.items()
        for share_name, share in _SHARES.items()
    ]


def _script(cases, methods):
    """Runs in the machine's shell. What a program prints follows its name."""
    lines = []
    for case in cases:
        for method in methods:
            environment = []
            if method.argument == "malloc":
                environment = [
                    "LD_PRELOAD=./libscudo_refpage.so",
                    f"REFPAGE_OPTIONS={method.options}",
                ]
            command = ["env", *environment, "./mte", method.argument]
            command.append(str(method.uses_before))
            lines += [
                "echo " + shlex.quote(f"@@{case.name}@{method.name}"),
                shlex.join([*command, *case.command]) + " 2>&1",
                "echo status=$?",
            ]
    return "\n".join(lines) + "\n"


def read_output(text, samples):
    """Adds what the script printed. Gives the names of what it ran."""
    ran = []
    for part in re.split(r"^@@", text, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        case, name = title.split("@")
        ran.append((case, name))
        lines = body.splitlines()
        values = parse_assignments("\n".join(
            line for line in lines if re.fullmatch(r"\w+=\d+", line)
        ))
        if values.pop("status", None) != 0 or _INSTRUCTIONS.key not in values:
            samples.fail(case, name, body.strip())
        elif bool(values[_TAGGED.key]) != _METHODS[name].is_tagged:
            samples.fail(case, name, f"memory tags: not as expected\n{body}")
        else:
            values[_INSTRUCTIONS.key] /= 1e6
            samples.add(case, name, 1, values)
    return ran


def _measure(context, cases, progress):
    """(variants, samples, a line about the machine)"""
    methods = list(_METHODS.values())
    build.install(["g++-12-aarch64-linux-gnu"])
    build.bazel([_PROGRAM, _LIBRARY], "--config=arm64")
    binaries = ROOT / "bazel-arm64-bin"
    script = context.scratch / "mte.sh"
    script.write_text(
        "echo \"machine: $(uname -r)\"\n" + _script(cases, methods)
    )
    progress.note("in an emulated machine: a minute or two")
    command = [ROOT / "tools/vm", "--arch", "arm64"]
    command += ["--clock", "instructions", "--cpus", "1"]
    for file in (
        script,
        binaries / "benchmarks/mte",
        binaries / "allocator/libscudo_refpage.so",
    ):
        command += ["--file", file]
    done = subprocess.run(
        [*command, "--", "sh", "mte.sh"], stdout=subprocess.PIPE, text=True
    )
    samples = Samples()
    ran = read_output(done.stdout, samples)
    for case in cases:
        for method in methods:
            if (case.name, method.name) not in ran:
                samples.fail(case.name, method.name, "did not run")
    if done.returncode != 0:
        progress.note(f"tools/vm failed with {done.returncode}")
        samples.fail("machine", "", "failed")
    for (case, name), message in samples.failures.items():
        progress.note(f"{case}, {name} FAILED: {message}")
    kernel = re.search(r"^machine: (\S+)", done.stdout, re.M)
    machine = (
        "An arm64 machine emulated by QEMU, Linux"
        f" {kernel[1] if kernel else 'unknown'}, one CPU"
    )
    variants = [Variant(method.name, "") for method in methods]
    return variants, samples, machine


def _table(cases, variants, samples, _layout):
    """A table for each metric: a row for each method, a column for each case."""

    def cell(case, method, metric):
        if (case.name, method.name) in samples.failures:
            return "FAILED"
        values = samples.values(case.name, method.name, metric)
        return metric.text(values[0]) if values else ""

    tables = []
    for metric in (_INSTRUCTIONS, _FAULTS, _RESIDENT, _WINDOWS):
        header = [metric.title, *(case.name for case in cases), ""]
        rows = [
            [method.name, *(cell(case, method, metric) for case in cases), ""]
            for method in variants
        ]
        tables.append(markdown(header, rows))
    return "\n\n".join(tables)


BENCH = Bench(
    name="mte",
    about="memory tags on large blocks, in an emulated arm64 machine",
    cases=_cases,
    runs=1,
    measure=_measure,
    table=_table,
    under_peers=False,
)
