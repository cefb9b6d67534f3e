# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SQLite's own tests, by the test program that its sources build."""

import os
import re
import shutil
import subprocess

from ..case import Case, CaseError

# Of test/*.test. malloc*.test let each allocation fail in turn.
TESTS = """
    alter bigrow blob blob2 btree01 cast check collate1 corrupt2
    crash2 descidx1 exists expr fts1a fts3aa fts3ac func fuzz2 in3
    in5 incrblob index index3 insert join json101 like limit lock malloc3
    mallocA memdb memsubsys1 pager1 pragma rowvalue select1 select3 sort
    sort2 subquery temptable trigger2 update vacuum view where where7 window1
    with1 zeroblob
""".split()


def prepare(place):
    built = place.cache / "built"
    if (built / "testfixture").exists():
        return
    partial = place.cache / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    place.say("sqlite: building its tests")
    for command in (
        [place.source / "configure", "--with-tcl=/usr/lib/tcl8.6", "--disable-readline"],
        ["make", f"-j{os.cpu_count()}", "testfixture", "CFLAGS=-O1"],
    ):
        done = subprocess.run(
            command, cwd=partial, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise CaseError(f"{command[0]}: {(done.stdout + done.stderr)[-3000:]}")
    partial.rename(built)


def without_noise(test, stdout):
    # Times, and how much memory there was in blocks, with what malloc adds.
    shown = re.sub(
        r"(?m)^(Time|Memory used|(Maximum|Current) memory usage|.*max).*\n|\d+ ?ms",
        "",
        stdout,
    )
    if not test.startswith("malloc"):
        return shown
    # They go on until nothing fails. How many allocations that takes depends on how
    # much more than asked for malloc gives, since SQLite uses that.
    shown = re.sub(r"((transient|persistent)\.|iFail=|out of )\d+", r"\1N", shown)
    return "\n".join(dict.fromkeys(shown.splitlines()))


def run(run):
    results = {}
    tests = run.place.source / "test"
    for test in TESTS:
        stdout, status = run.program(
            run.place.cache / "built/testfixture",
            tests / f"{test}.test",
            status=None,
        )
        results[test] = f"{without_noise(test, stdout)}\n{status}"
    return results


CASE = Case(
    name="sqlite",
    about=f"{len(TESTS)} files of SQLite's own tests, among them those that let each"
    " allocation fail in turn: the outcome of each test",
    run=run,
    programs=("testfixture",),
    packages=("gcc", "libc6-dev", "make", "tcl8.6-dev", "zlib1g-dev", "tcl"),
    source=("sqlite3",),
    prepare=prepare,
)
