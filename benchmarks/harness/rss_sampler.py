# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a program and looks at its resident memory all the time.

By its CPU time: on a machine that does something else too, time passes while the
program does nothing.
"""

import os
import subprocess
import time

from .metrics import Metric
from .runner import TIMEOUT_S, Runner, RunError, environment

# A look takes 20 us, so that sampling takes a hundredth of a CPU.
_STEP_S = 0.002

# What is measured as text: "MS:KIB MS:KIB ...", milliseconds of CPU time.
OVER_TIME = Metric("rss_kib_by_cpu_ms", "", "", "")
MEAN_RSS = Metric("mean_rss_kib", "mean RSS (KiB)", "mean RSS", "{:.0f}")

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def points(text):
    """The pairs (milliseconds, KiB) of a value of OVER_TIME."""
    pairs = (pair.split(":") for pair in text.split())
    return [(float(ms), int(kib)) for ms, kib in pairs]


class RssSampler(Runner):
    """As a Runner, but tells of resident memory over time, and not of faults."""

    def run(self, case, variant):
        feeder = None
        if case.feed:
            feeder = subprocess.Popen(
                ["/bin/cat", str(case.feed)], stdout=subprocess.PIPE
            )
        with open(self._stdout, "wb") as out, open(self._stderr, "wb") as err:
            # Returns when the program has begun: until then the memory would be
            # this interpreter's.
            process = subprocess.Popen(
                case.command,
                stdin=feeder.stdout if feeder else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**environment(), **dict(variant.all_environment())},
            )
        if feeder:
            feeder.stdout.close()
        try:
            began = time.monotonic()
            curve = _sample(process, began)
        finally:
            process.kill()
            status = process.wait()
            if feeder:
                feeder.wait()
        stderr = self._stderr.read_text(errors="replace")
        if status != 0 or "cannot be preloaded" in stderr:
            raise RunError(f"exit status {status}\n{stderr}")
        return _metrics(curve), stderr


def _cpu_clock(pid):
    """Of all threads of a process; the kernel's numbering, see
    clock_getcpuclockid(3)."""
    return (~pid << 3) | 2


def _sample(process, began):
    """[(seconds of CPU time, KiB)] until it has ended."""
    curve = []
    clock = _cpu_clock(process.pid)
    with open(f"/proc/{process.pid}/statm", "rb", buffering=0) as statm:
        while process.poll() is None:
            pages = int(os.pread(statm.fileno(), 256, 0).split()[1])
            # Of a process that is ending no memory is left.
            if pages:
                now = time.clock_gettime(clock)
                curve.append((now, pages * _PAGE_KIB))
            if time.monotonic() - began > TIMEOUT_S:
                raise RunError(f"still running after {TIMEOUT_S} s")
            time.sleep(_STEP_S)
    return curve


def _metrics(curve):
    if len(curve) < 2 or curve[0][0] == curve[-1][0]:
        raise RunError("ended before its memory could be looked at")
    areas = (
        kib * (after - now) for (now, kib), (after, _) in zip(curve, curve[1:])
    )
    cpu = curve[-1][0]
    return {
        "cpu_s": cpu,
        MEAN_RSS.key: sum(areas) / (cpu - curve[0][0]),
        "max_rss_kib": max(kib for _, kib in curve),
        OVER_TIME.key: " ".join(
            f"{1000 * now:.1f}:{kib}" for now, kib in curve
        ),
    }
