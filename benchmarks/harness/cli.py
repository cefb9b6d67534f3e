# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command line of tools/bench."""

import argparse
import dataclasses
import datetime
import os
import pathlib
import platform
import sys
import tempfile

from . import benches, build, context, peers, variants
from .bench import with_peers
from .build import BuildError
from .inputs import InputError
from .pictures import canvas
from .pictures import rows as picture_rows
from .progress import Progress
from .schedule import run_rounds


def _arguments(words):
    width = max(map(len, benches.ALL))
    about = "\n".join(
        f"  {bench.name:{width}}  {bench.about}"
        + ("" if bench.seconds else f" ({bench.runs} runs)")
        for bench in benches.ALL.values()
    )
    parser = argparse.ArgumentParser(
        prog="tools/bench",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs a benchmark under the variants of the allocator, in"
        " turns, after one round\nthat is not counted. A Markdown table of the"
        " medians goes to stdout, the rows\nmeasured to bench-results/.\n\n"
        f"NAME is one of\n{about}\n  {'all':{width}}  all but demo, kernel and mte\n"
        f"  {'peers':{width}}  all, or each BENCH, under other allocators too",
    )
    add = parser.add_argument
    add("name", metavar="NAME", choices=[*benches.ALL, "all", "peers"])
    add("benches", metavar="BENCH", nargs="*", help="of peers: only these")
    add("--runs", type=_positive(int), metavar="N", help="rounds that count")
    add(
        "--seconds",
        type=_positive(float),
        metavar="S",
        help="begin no further round after S seconds",
    )
    add(
        "--cases",
        type=_names,
        metavar="A,B",
        help="only cases whose names begin so",
    )
    add(
        "--variants",
        type=_names,
        metavar="A,B",
        help="which variants:"
        f" {', '.join([*variants.OWN_NAMES, *peers.NAMES])} and those of"
        " --preload",
    )
    add(
        "--preload",
        type=_preload,
        action="append",
        default=[],
        metavar="NAME=PATH[,ENV=VALUE...]",
        help="one more variant: another preload library and its environment;"
        " without PATH, none",
    )
    add(
        "--stats",
        action="store_true",
        help="show the library's own statistics of the first round",
    )
    add(
        "--lib",
        type=_file,
        default=os.environ.get("REFPAGE_LIB"),
        metavar="PATH",
        help="measure this library instead of building one (also the"
        " environment variable REFPAGE_LIB)",
    )
    add(
        "--bin",
        type=pathlib.Path,
        metavar="DIR",
        help="take the benchmark programs from here instead of building them",
    )
    add(
        "--kernel",
        default="6.1",
        metavar="KERNEL",
        help="of the bench kernel: 6.1 or 6.12 with the system call (default"
        " 6.1), debian-6.1 or debian-6.12 without, or a folder with a bzImage"
        " and, in build, what modules are built against",
    )
    add(
        "--plot",
        type=pathlib.Path,
        nargs="?",
        const=context.PICTURES,
        metavar="DIR",
        help="also draw pictures, as SVG and PNG, and keep the rows beside them:"
        f" in DIR, or {context.PICTURES.relative_to(context.ROOT)}. Of"
        f" {', '.join(name for name, it in benches.ALL.items() if it.pictures)},"
        " and peers",
    )
    add(
        "--from",
        dest="rows",
        type=_file,
        metavar="CSV",
        help="of --plot: do not measure, draw what was measured before",
    )
    arguments = parser.parse_intermixed_args(words)
    unknown = [n for n in arguments.benches if n not in benches.UNDER_PEERS]
    if arguments.benches and arguments.name != "peers":
        parser.error("only peers takes names of benches")
    if arguments.rows and not arguments.plot:
        parser.error("--from is for --plot")
    if unknown:
        known = ", ".join(benches.UNDER_PEERS)
        parser.error(f"peers: no {', '.join(unknown)}; there are {known}")
    for bench in _chosen_benches(arguments) if arguments.plot else []:
        if not bench.pictures:
            parser.error(f"{bench.name} has no picture")
    return arguments


def _positive(number):
    def convert(text):
        value = number(text)
        if value <= 0:
            raise ValueError
        return value

    convert.__name__ = f"positive {number.__name__}"  # argparse's message
    return convert


def _names(text):
    return [name for name in text.split(",") if name]


def _file(text):
    path = pathlib.Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no such file: {text}")
    return path


def _preload(text):
    try:
        variant = variants.parse_preload(text)
        if variant.library:
            library = str(_file(variant.library))
            variant = dataclasses.replace(variant, library=library)
        return variant
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _variant_names(arguments, bench):
    extra = [variant.name for variant in arguments.preload]
    names = arguments.variants or [*bench.variants, *extra]
    known = [*variants.OWN_NAMES, *peers.NAMES]
    variants.check_names(names, [*known, *extra])
    return list(dict.fromkeys(names))


def _find_variants(arguments, names, binaries):
    """(the variants called names, in that order; why some are left out)"""
    known = {
        **variants.own(str(arguments.lib or context.LIBRARY)),
        **peers.stock(str(binaries / peers.STOCK_TARGET)),
        **{variant.name: variant for variant in arguments.preload},
    }
    others, missing = peers.find([n for n in names if n not in known])
    known.update(others)
    return [known[name] for name in names if name not in missing], missing


def _choose_cases(arguments, cases):
    if not arguments.cases:
        return cases
    chosen = [c for c in cases if c.name.startswith(tuple(arguments.cases))]
    if not chosen:
        names = ", ".join(case.name for case in cases)
        raise ValueError(f"no case begins so; there are {names}")
    return chosen


def _prepare(arguments, bench, names):
    """Packages and binaries; gives the folder of the programs."""
    build.install(bench.packages)
    targets = []
    if not arguments.bin:
        programs = ["measure", *bench.programs]
        if set(names) & set(peers.STOCK_NAMES):
            programs.append(peers.STOCK_TARGET)
        targets += [f"//benchmarks:{name}" for name in programs]
    if not arguments.lib:
        targets.append("//allocator:libscudo_refpage.so")
    if targets:
        build.bazel(targets)
    return arguments.bin or context.ROOT / "bazel-bin/benchmarks"


def _machine():
    """What a reader of the numbers has to know of the machine."""
    huge = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
    pages = huge.read_text().strip() if huge.exists() else "none"
    # Without what whoever built it has appended.
    release = platform.release().partition("-")[0]
    return (
        f"Linux {release} {platform.machine()},"
        f" {os.cpu_count()} CPUs, transparent huge pages: {pages}"
    )


def _keep(name, samples, table, machine, missing):
    """The rows and the table as files; gives the path of the rows."""
    now = datetime.datetime.now(datetime.timezone.utc)
    context.RESULTS.mkdir(exist_ok=True)
    path = context.RESULTS / f"{name}-{now:%Y%m%dT%H%M%SZ}.csv"
    samples.write_csv(path)
    rounds = samples.rounds()
    caption = f"{rounds} round{'s' * (rounds != 1)}. {machine}."
    for left_out, reason in missing.items():
        caption += f" Left out: {left_out} ({reason})."
    path.with_suffix(".md").write_text(f"{table}\n\n{caption}\n")
    return path, caption


def _measure_here(arguments, bench, place, cases, progress):
    """(variants, samples, why some variants are left out)"""
    names = _variant_names(arguments, bench)
    chosen, missing = _find_variants(arguments, names, place.binaries)
    for name, reason in missing.items():
        progress.note(f"{name} is left out: {reason}")
    samples = run_rounds(
        bench.runner(place.binary("measure"), place.scratch),
        cases,
        chosen,
        arguments.runs or bench.runs,
        progress,
        arguments.seconds or bench.seconds,
        arguments.stats,
    )
    return chosen, samples, missing


def _draw(arguments, bench, rows, progress):
    # What makes the picture again, on a machine of one's own.
    command = f"tools/bench {bench.name.replace('-', ' ', 1)} --plot"
    for picture in bench.pictures:
        for path in canvas.write(picture, rows, command, arguments.plot):
            progress.note(f"picture in {path}")


def _draw_again(arguments, bench):
    progress = Progress(bench.name)
    _draw(arguments, bench, picture_rows.read(arguments.rows), progress)
    return True


def _run(arguments, bench):
    """True if every program ran."""
    progress = Progress(bench.name)
    binaries = context.ROOT
    if not bench.measure:
        binaries = _prepare(arguments, bench, _variant_names(arguments, bench))
    with tempfile.TemporaryDirectory() as scratch:
        place = context.Context(
            binaries=binaries,
            cache=context.cache_directory(),
            scratch=pathlib.Path(scratch),
            say=progress.note,
            runs=arguments.runs or bench.runs,
            kernel=arguments.kernel,
        )
        cases = _choose_cases(arguments, bench.cases(place))
        if bench.measure:
            chosen, samples, machine = bench.measure(place, cases, progress)
            missing = {}
        else:
            chosen, samples, missing = _measure_here(
                arguments, bench, place, cases, progress
            )
            machine = _machine()
    if not samples.rounds():
        progress.note("nothing was measured")
        return False
    table = bench.table(cases, chosen, samples, bench.layout)
    path, caption = _keep(bench.name, samples, table, machine, missing)
    print(table, flush=True)
    progress.note(caption)
    progress.note(f"rows in {path.relative_to(context.ROOT)}")
    if arguments.plot:
        rows = picture_rows.Rows(samples, caption)
        picture_rows.write(arguments.plot / f"{bench.name}.csv", rows)
        _draw(arguments, bench, rows, progress)
    return not samples.failures


def _chosen_benches(arguments):
    if arguments.name == "all":
        return [benches.ALL[name] for name in benches.FULL]
    if arguments.name == "peers":
        names = arguments.benches or benches.UNDER_PEERS
        return [with_peers(benches.ALL[name]) for name in names]
    return [benches.ALL[arguments.name]]


def main(words):
    arguments = _arguments(words)
    chosen = _chosen_benches(arguments)
    good = True
    step = _draw_again if arguments.rows else _run
    try:
        if arguments.plot:
            arguments.plot.mkdir(parents=True, exist_ok=True)
        for bench in chosen:
            if len(chosen) > 1:
                print(f"## {bench.name}\n", flush=True)
            good = step(arguments, bench) and good
            if len(chosen) > 1:
                print(flush=True)
    except (OSError, ValueError, BuildError, InputError) as error:
        print(f"tools/bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if good else 1
