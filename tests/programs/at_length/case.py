# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a case is, and what it may call."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
from typing import Callable, Optional

TREE = pathlib.Path(__file__).with_name("tree.py")

# Nothing of the caller's environment reaches a program, so that a run on one
# machine says something about a run on another.
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
    "SOURCE_DATE_EPOCH": "1704164645",
}

# Of one program. Longest of all are tests under the slowest allocator on a machine
# that has more to do.
TIMEOUT_SECONDS = 1800

# Fatal reports, and what the dynamic linker says of a library it cannot load.
FORBIDDEN_ON_STDERR = ("Scudo ERROR", "cannot be preloaded", "refpage:")


class CaseError(Exception):
    """A program could not be started or used, or did what no setting allows."""


@dataclasses.dataclass
class Place:
    """What a case has been given, the same for all of its runs."""

    inputs: pathlib.Path  # made by prepare(); kept for all runs of this command
    cache: pathlib.Path  # kept for later commands, such as what was built
    packages: pathlib.Path = None  # the unpacked packages' root
    source: pathlib.Path = None  # the unpacked source package
    say: Callable = print

    def libraries(self):
        """LD_LIBRARY_PATH of programs from the unpacked packages."""
        triplet = "x86_64-linux-gnu"
        folders = [self.packages / "usr/lib" / triplet, self.packages / "lib" / triplet]
        return ":".join(map(str, folders))


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    about: str  # a line of the table's legend
    run: Callable  # Run -> the result: a dict of names and text
    programs: tuple  # names (as in /proc/PID/comm) that must have been preloaded
    packages: tuple = ()  # installed
    unpacked: tuple = ()  # unpacked only: what would start a service, say
    source: tuple = ()  # a source package, and what folders of it
    prepare: Optional[Callable] = None  # of a Place; no allocator preloaded
    as_root: bool = True  # False: the programs refuse to run as root


class Run:
    """One run of a case in one setting: an empty folder, and programs."""

    def __init__(self, place, setting, folder, user):
        self.place = place
        self.setting = setting
        self.folder = folder
        # A prefix of commands, so that they do not run as root.
        self.user = user
        self.work = 1.0  # a case that does as much as it can sets this
        self.costs = []
        self.preloaded = set()
        self._reports = 0

    def path(self, name):
        return self.folder / name

    def environment(self, more):
        return {
            **ENVIRONMENT,
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            **{name: str(value) for name, value in more.items()},
        }

    def program(self, *command, status=0, feed=None, **environment):
        """Runs it, measured and in the setting, to its end; gives its stdout.

        status: what its exit status has to be; None: the caller looks at it, and
        gets (stdout, status)
        """
        with self._started(command, environment, feed) as process:
            try:
                process.wait(TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                raise CaseError(f"{command[0]}: not done after {TIMEOUT_SECONDS} s")
        stdout = process.out.read_text(errors="backslashreplace")
        if status is None:
            return stdout, self.costs[-1]["status"]
        self._check_status(command, f"exit status {status}", process)
        return stdout

    @contextlib.contextmanager
    def server(self, *command, stop=signal.SIGTERM, **environment):
        """A server for as long as the context; stop: how to tell it to end, a
        signal or a function."""
        with self._started(command, environment) as process:
            yield process
            if callable(stop):
                stop()
            else:
                process.send_signal(stop)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                raise CaseError(f"{command[0]}: does not end")
        self._check_status(command, "exit status 0", process)

    def client(self, *command, feed=None, **environment):
        """Runs it neither measured nor in the setting; gives its stdout."""
        done = subprocess.run(
            [*self.user, *map(str, command)],
            cwd=self.folder,
            env=self.environment(environment),
            input=feed,
            stdin=None if feed is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        if done.returncode != 0:
            raise CaseError(
                f"{command[0]}: status {done.returncode}\n{done.stdout[-2000:]}"
                f"{done.stderr[-2000:]}"
            )
        return done.stdout

    @contextlib.contextmanager
    def _started(self, command, environment, feed=None):
        self._reports += 1
        report = self.folder.parent / f"report-{self._reports}"
        out = self.folder.parent / f"stdout-{self._reports}"
        err = self.folder.parent / f"stderr-{self._reports}"
        preload = [f"--preload={n}={v}" for n, v in self.setting.environment().items()]
        with contextlib.ExitStack() as files:
            process = subprocess.Popen(
                [
                    *("/usr/bin/python3", "-B", str(TREE), "--report", str(report)),
                    *(*preload, "--", *self.user, *map(str, command)),
                ],
                cwd=self.folder,
                env=self.environment(environment),
                stdin=files.enter_context(open(feed or os.devnull, "rb")),
                stdout=files.enter_context(open(out, "wb")),
                stderr=files.enter_context(open(err, "wb")),
            )
        process.out, process.err = out, err
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGUSR1)
                process.wait()
        if not report.is_file():
            raise CaseError(f"{command[0]}: not started\n{err.read_text()[-2000:]}")
        cost = json.loads(report.read_text())
        self.costs.append(cost)
        self.preloaded.update(cost["preloaded"])
        text = err.read_text(errors="backslashreplace")
        for word in FORBIDDEN_ON_STDERR:
            if word in text:
                raise CaseError(f"{command[0]}: {word!r} on stderr\n{text[-3000:]}")
        if cost["left"]:
            raise CaseError(f"{command[0]}: left behind {', '.join(cost['left'])}")

    def _check_status(self, command, wanted, process):
        status = self.costs[-1]["status"]
        if status != wanted:
            raise CaseError(
                f"{command[0]}: {status}, not {wanted}\n"
                f"{process.out.read_text(errors='backslashreplace')[-2000:]}"
                f"{process.err.read_text(errors='backslashreplace')[-3000:]}"
            )

    def cost(self):
        """Of all measured programs, which ran one after the other, a unit of work."""
        return {
            "real_s": sum(cost["real_s"] for cost in self.costs) / self.work,
            "cpu_s": sum(cost["cpu_s"] for cost in self.costs) / self.work,
            "memory_kib": max(cost["memory_kib"] for cost in self.costs),
            "largest_kib": max(cost["largest_kib"] for cost in self.costs),
        }
