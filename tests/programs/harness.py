# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs one case with or without the preload library, and tells two runs apart."""

import dataclasses
import difflib
import hashlib
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile

CASES = pathlib.Path(__file__).resolve().parent / "cases"

# A new kind of case is a new line here. Debian's own interpreters by absolute
# path: another one in front of PATH may be linked against another malloc.
INTERPRETERS = {
    ".sh": ["/bin/bash", "{case}"],
    ".py": ["/usr/bin/python3", "{case}"],
    ".pl": ["/usr/bin/perl", "{case}"],
    ".js": ["/usr/bin/node", "{case}"],
    ".sql": ["/usr/bin/sqlite3", "-batch", "-bail", "case.db", ".read {case}"],
}

# Nothing of the caller's environment reaches a case, so that a run on one
# machine says something about a run on another.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PERL_HASH_SEED": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A U Thor",
    "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_AUTHOR_DATE": "2024-01-02T03:04:05Z",
    "GIT_COMMITTER_NAME": "C O Mitter",
    "GIT_COMMITTER_EMAIL": "committer@example.com",
    "GIT_COMMITTER_DATE": "2024-01-02T03:04:05Z",
}

# A program under the preload library must not be able to tell from its stderr
# that the library is there: no report of upstream's, no word of ours, and no
# complaint of the dynamic linker, which would name libscudo_refpage.so.
FORBIDDEN_ON_STDERR = (b"scudo error", b"refpage")

TIMEOUT_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Outcome:
    """All that can be seen of a finished run."""

    status: str
    stdout: bytes
    stderr: bytes
    files: dict  # relative path -> (kind and mode, contents)


def find_cases():
    """The cases, as paths relative to CASES, e.g. git/gc_and_fsck.sh."""
    return sorted(
        path.relative_to(CASES)
        for path in CASES.glob("*/*")
        if path.suffix in INTERPRETERS
    )


def run(case, library=None, options=""):
    """Runs the case in an empty folder of its own and returns its Outcome."""
    command = [word.format(case=CASES / case) for word in INTERPRETERS[case.suffix]]
    # The prefix must not hold a word that FORBIDDEN_ON_STDERR looks for:
    # programs name their folder in messages.
    top = pathlib.Path(tempfile.mkdtemp(prefix="programs-"))
    try:
        for name in ("work", "home", "tmp"):
            (top / name).mkdir()
        environment = dict(
            ENVIRONMENT, HOME=str(top / "home"), TMPDIR=str(top / "tmp")
        )
        if library:
            environment["LD_PRELOAD"] = str(library)
            environment["REFPAGE_OPTIONS"] = options
        # Files and not pipes: a process that a case leaves behind by mistake
        # would keep a pipe open and this test waiting.
        with open(top / "stdout", "wb") as out, open(top / "stderr", "wb") as err:
            process = subprocess.Popen(
                command,
                cwd=top / "work",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            try:
                status = describe_status(process.wait(TIMEOUT_SECONDS))
            except subprocess.TimeoutExpired:
                status = f"still running after {TIMEOUT_SECONDS} s, killed"
            finally:
                kill_group(process)
        return Outcome(
            status=status,
            stdout=(top / "stdout").read_bytes(),
            stderr=(top / "stderr").read_bytes(),
            files=dict(read_tree(top / "work")),
        )
    finally:
        shutil.rmtree(top, ignore_errors=True)


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def describe_status(code):
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"


def read_tree(top):
    for folder, folders, names in os.walk(top):
        for name in folders + names:
            path = pathlib.Path(folder, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                contents = os.readlink(path).encode()
            elif stat.S_ISREG(mode):
                contents = path.read_bytes()
            else:
                contents = b""
            yield str(path.relative_to(top)), (stat.filemode(mode), contents)


def differences(expected, actual):
    """What `actual` (with the library) has that `expected` (without) has not.

    A list of readable paragraphs; empty if there is none.
    """
    found = []
    for word in FORBIDDEN_ON_STDERR:
        if word in actual.stderr.lower():
            found.append(f"stderr names {word.decode()!r}")
    if actual.status != expected.status:
        found.append(f"{actual.status}, but {expected.status} without the library")
    found += compare_bytes("stdout", expected.stdout, actual.stdout)
    for path in sorted(expected.files.keys() | actual.files.keys()):
        if path not in actual.files:
            found.append(f"{path}: only made without the library")
        elif path not in expected.files:
            found.append(f"{path}: only made with the library")
        else:
            (expected_mode, expected_contents) = expected.files[path]
            (actual_mode, actual_contents) = actual.files[path]
            if actual_mode != expected_mode:
                found.append(
                    f"{path}: mode {actual_mode}, without the library {expected_mode}"
                )
            found += compare_bytes(path, expected_contents, actual_contents)
    if found and actual.stderr != expected.stderr:
        found.append(show_end("stderr with the library", actual.stderr))
        found.append(show_end("stderr without the library", expected.stderr))
    return found


def compare_bytes(name, expected, actual):
    if expected == actual:
        return []
    try:
        return [text_difference(name, expected.decode(), actual.decode())]
    except UnicodeDecodeError:
        return [binary_difference(name, expected, actual)]


def text_difference(name, expected, actual):
    """A diff of the neighbourhood of the first difference.

    A diff of the whole takes quadratic time, and some outputs are megabytes.
    """
    expected = expected.splitlines()
    actual = actual.splitlines()
    first = next(
        (i for i, pair in enumerate(zip(expected, actual)) if pair[0] != pair[1]),
        min(len(expected), len(actual)),
    )
    start = max(0, first - 3)
    diff = difflib.unified_diff(
        shorten(expected[start : first + 10]),
        shorten(actual[start : first + 10]),
        "without the library",
        "with the library",
        lineterm="",
    )
    heading = (
        f"{name} differs from line {first + 1} on "
        f"({len(actual)} lines, {len(expected)} without the library):"
    )
    return "\n".join([heading, *diff])


def shorten(lines):
    return [line if len(line) <= 200 else line[:200] + "..." for line in lines]


def binary_difference(name, expected, actual):
    first = next(
        (i for i, pair in enumerate(zip(expected, actual)) if pair[0] != pair[1]),
        min(len(expected), len(actual)),
    )

    def describe(label, data):
        return (
            f"  {label}: {len(data)} bytes, "
            f"sha256 {hashlib.sha256(data).hexdigest()[:16]}, "
            f"there {data[first:first + 16].hex(' ')}"
        )

    return "\n".join(
        [
            f"{name} differs from byte {first} on:",
            describe("with the library", actual),
            describe("without the library", expected),
        ]
    )


def show_end(name, data):
    lines = data.decode(errors="backslashreplace").splitlines()[-20:]
    return "\n".join([f"the end of {name}:", *("  " + line for line in lines)])
