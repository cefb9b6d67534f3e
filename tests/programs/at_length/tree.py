# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Starts a program, waits for it and all that it starts, and says what they took.

    python3 tree.py --report FILE --preload NAME=VALUE... -- COMMAND [ARG...]

It is a process of its own, since the kernel counts CPU time by parents, and as a
subreaper (PR_SET_CHILD_SUBREAPER) this one is the last parent of whatever is left
alone. The report is one JSON object:

    status      "exit status 0", "killed by SIGSEGV"
    left        names of what was still there 10 s after the program's end
    real_s      until the program's end
    cpu_s       user and system, of all processes
    memory_kib  the most that all processes took at a time: their PSS, in which
                memory that several share counts once
    largest_kib the most that one process had resident
    preloaded   names of the programs that had the library of LD_PRELOAD mapped

Memory is looked at ten times a second, or less often where a look takes longer
than a twentieth of that. SIGTERM, SIGINT and SIGQUIT are handed to the program,
SIGUSR1 ends all at once.
"""

import argparse
import ctypes
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
SAMPLING_SECONDS = 0.1
SAMPLING_SHARE = 0.05
LEFT_SECONDS = 10


def children_of(pid):
    """Direct children; of all threads, each of which has its own."""
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except OSError:
            pass  # It ended meanwhile.
    return found


def descendants():
    found, waiting = [], children_of(os.getpid())
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children_of(pid)
    return found


def read_field(path, name):
    """A field of a file such as /proc/PID/status, in KiB; 0 if it is not there."""
    try:
        with open(path) as file:
            for line in file:
                if line.startswith(name):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Sampler(threading.Thread):
    """Looks at the memory of all descendants until told to stop."""

    def __init__(self, library):
        super().__init__(daemon=True)
        self.library = library
        self.memory = self.largest = 0
        self.preloaded = set()
        self.known = set()  # pids seen with the library
        self.ended = threading.Event()

    def run(self):
        pause = 0.01  # Short programs have to be seen too.
        while not self.ended.wait(pause):
            began = time.monotonic()
            self.look()
            took = time.monotonic() - began
            pause = max(SAMPLING_SECONDS, took / SAMPLING_SHARE)

    def look(self):
        total = 0
        for pid in descendants():
            total += read_field(f"/proc/{pid}/smaps_rollup", "Pss:")
            high = read_field(f"/proc/{pid}/status", "VmHWM:")
            self.largest = max(self.largest, high)
            self.look_for_library(pid)
        self.memory = max(self.memory, total)

    def look_for_library(self, pid):
        name = name_of(pid)
        if (pid, name) in self.known:
            return
        try:
            if self.library in pathlib.Path(f"/proc/{pid}/maps").read_text():
                self.known.add((pid, name))
                self.preloaded.add(name)
        except OSError:
            pass


def end_all(signal_number=None, frame=None):
    for pid in descendants():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass


def describe(status):
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"


def wait_for_rest():
    """Names of those that had to be killed, after some seconds of patience."""
    left = []
    deadline = time.monotonic() + LEFT_SECONDS
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return left
        if pid:
            continue
        if time.monotonic() > deadline and not left:
            left = sorted({name_of(pid) for pid in descendants()})
            end_all()
        time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", required=True)
    parser.add_argument("--preload", action="append", default=[])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    command = arguments.command[1:]
    preload = dict(pair.split("=", 1) for pair in arguments.preload)

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit(f"PR_SET_CHILD_SUBREAPER: {os.strerror(ctypes.get_errno())}")

    sampler = Sampler(os.path.basename(preload["LD_PRELOAD"]))
    began = time.monotonic()
    # In a session of its own: a program may signal its whole group.
    process = subprocess.Popen(
        command, env={**os.environ, **preload}, start_new_session=True
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda number, _: os.kill(process.pid, number))
    signal.signal(signal.SIGUSR1, end_all)
    sampler.start()
    # Others are waited for as well, or they stay zombies that some would count.
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == process.pid:
            break
    real = time.monotonic() - began
    left = wait_for_rest()
    sampler.ended.set()
    sampler.join()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = {
        "status": describe(status),
        "left": left,
        "real_s": real,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "memory_kib": sampler.memory,
        "largest_kib": sampler.largest,
        "preloaded": sorted(sampler.preloaded),
    }
    pathlib.Path(arguments.report).write_text(json.dumps(report))


if __name__ == "__main__":
    main()
