# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command line; tools/test --programs calls it."""

import argparse
import importlib
import os
import pathlib
import pkgutil
import shutil
import signal
import subprocess
import sys
import tempfile

from . import cases, rounds, settings, table
from .case import CaseError, Place

ROOT = pathlib.Path(__file__).resolve().parents[3]
APT = ROOT / "third_party/apt"
DOCUMENT = ROOT / "docs/programs.md"


def find_cases():
    """By name; a new case is a new file in cases/."""
    modules = pkgutil.iter_modules(cases.__path__, cases.__name__ + ".")
    found = [importlib.import_module(module.name).CASE for module in modules]
    return {case.name: case for case in found}


def cache_directory():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "refpage-malloc" / "programs"


def call(*command):
    """A tool of this project; what it says is shown if it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise CaseError(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")


def fetch(script, output, *arguments):
    call("/usr/bin/python3", "-B", str(APT / script), "--output", output, *arguments)


def prepare(case, cache, scratch):
    """Installs, fetches and makes what the case needs."""
    inputs = scratch / f"inputs-{case.name}"
    inputs.mkdir()
    kept = cache / case.name
    kept.mkdir(parents=True, exist_ok=True)
    place = Place(inputs=inputs, cache=kept)
    if case.packages:
        call(str(ROOT / "tools/setup"), *case.packages)
    if case.unpacked:
        place.packages = kept / "packages"
        fetch(
            "fetch_packages.py",
            str(place.packages),
            "--dependencies=missing",
            *case.unpacked,
        )
        if not case.as_root and os.geteuid() == 0:
            # The cache is below a folder that is root's alone.
            copied = inputs / "packages"
            shutil.copytree(place.packages, copied, symlinks=True)
            place.packages = copied
    if case.source:
        place.source = kept / "source"
        fetch("fetch_source.py", str(place.source), *case.source)
    if case.prepare:
        case.prepare(place)
    return place


def arguments_of(words, known):
    parser = argparse.ArgumentParser(prog="at_length", description=__doc__)
    add = parser.add_argument
    add("--library", type=pathlib.Path, required=True)
    add("--stock", type=pathlib.Path, required=True, help="stock Scudo's library")
    add("--cases", default="", metavar="A,B", help="only these")
    add("--settings", default="", metavar="A,B", help="only these, and glibc")
    add("--rounds", type=int, default=3)
    add("--update-docs", action="store_true", help=f"write into docs/{DOCUMENT.name}")
    add("--list", action="store_true", help="only print the cases' names")
    add("--count-file", type=pathlib.Path, help="PASSED FAILED SKIPPED goes there")
    arguments = parser.parse_args(words)
    arguments.cases = [name for name in arguments.cases.split(",") if name]
    unknown = [name for name in arguments.cases if name not in known]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(known)}")
    for library in (arguments.library, arguments.stock):
        if not library.is_file():
            parser.error(f"no such library: {library}")
    return arguments


def copy_library(path, folder):
    """To where each user can read it, and no path has a space or a colon."""
    target = folder / path.name
    shutil.copy(path.resolve(), target)
    target.chmod(0o755)
    return target


def prepare_all(chosen, scratch):
    """(Outcomes, Place or None) of each case."""
    prepared = []
    for case in chosen:
        outcomes = rounds.Outcomes(case)
        place = None
        try:
            print(f"{case.name}: getting ready")
            place = prepare(case, cache_directory(), scratch)
        except (CaseError, OSError, subprocess.SubprocessError) as error:
            outcomes.error = str(error)
            print(f"{case.name}: {error}")
        prepared.append((outcomes, place))
    return prepared


def report(all_outcomes, ours):
    """Prints what passed and failed; gives the two counts."""
    passed = failed = 0
    for outcomes in all_outcomes:
        for setting in ours:
            name = f"{outcomes.case.name}:{setting.name}"
            if outcomes.error or setting.name in outcomes.faults:
                failed += 1
                print(f"FAIL: {name}")
            else:
                passed += 1
        if not outcomes.error and settings.REFERENCE in outcomes.faults:
            failed += 1
            print(f"FAIL: {outcomes.case.name}: not the same twice on glibc")
    return passed, failed


def main(words=None):
    known = find_cases()
    arguments = arguments_of(words, known)
    if arguments.list:
        print("\n".join(known))
        return 0
    chosen = [known[name] for name in arguments.cases or known]
    # As an interrupt does: what was started is ended, and what was made removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Not for its owner alone: some programs do not run as root.
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="programs-"))
    try:
        scratch.chmod(0o755)
        made = settings.make(
            copy_library(arguments.library, scratch),
            copy_library(arguments.stock, scratch),
        )
        wanted = [name for name in arguments.settings.split(",") if name] or made
        used = [s for s in made.values() if s.name in (settings.REFERENCE, *wanted)]
        prepared = prepare_all(chosen, scratch)
        for turn in range(arguments.rounds):
            for outcomes, place in prepared:
                rounds.run_case(
                    outcomes.case, place, used, turn, outcomes, scratch
                )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)

    all_outcomes = [outcomes for outcomes, _ in prepared]
    figures = (
        f"{table.markdown(all_outcomes, used)}\n\n{table.caption(arguments.rounds)}"
    )
    print(f"\n{figures}\n")
    passed, failed = report(all_outcomes, [s for s in used if s.is_ours])
    if arguments.update_docs:
        table.update(DOCUMENT, f"\n{figures}\n\n{table.legend(all_outcomes)}\n")
    print(f"programs at length: {passed} passed, {failed} failed")
    if arguments.count_file:
        arguments.count_file.write_text(f"{passed} {failed} 0\n")
    return 1 if failed else 0
