# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs one case under one variant, once."""

import os
import pathlib
import subprocess
import threading

# Longer than any single run takes on a slow machine: a program that hangs is
# shown as a failure instead of stopping the bench.
TIMEOUT_S = 300

_FIELDS = (
    "real_s",
    "user_s",
    "sys_s",
    "minor_faults",
    "major_faults",
    "max_rss_kib",
    "exit_status",
)


class RunError(Exception):
    """The program failed, or was not measured as it was meant to be."""


def environment():
    """The same few variables for everyone who runs the bench."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C",
        "TZ": "UTC",
    }


class Runner:
    def __init__(self, measure, scratch):
        self._measure = str(measure)
        self._stdout = pathlib.Path(scratch) / "stdout"
        self._stderr = pathlib.Path(scratch) / "stderr"

    def run(self, case, variant):
        """Gives (metrics by key, what the program wrote to stderr)."""
        command = [self._measure, "--stdout", str(self._stdout)]
        command += ["--stderr", str(self._stderr)]
        if case.feed:
            command += ["--feed", str(case.feed)]
        for name, value in variant.all_environment():
            command += ["--env", f"{name}={value}"]
        line = self._run_beside(case, command + ["--", *case.command])
        stderr = self._stderr.read_text(errors="replace")
        row = dict(zip(_FIELDS, map(float, line.split(","))))
        status = int(row.pop("exit_status"))
        if status != 0:
            raise RunError(f"exit status {status}\n{stderr}")
        # The dynamic linker only warns: without this check the C library's own
        # malloc would be measured under the variant's name.
        if "cannot be preloaded" in stderr:
            raise RunError(stderr)
        row["cpu_s"] = row["user_s"] + row["sys_s"]
        if case.parse:
            row.update(case.parse(self._stdout.read_text(errors="replace")))
        return row, stderr

    def _run_beside(self, case, command):
        """The runner's line of CSV, with the case's companion at work."""
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        trouble = []
        companion = None
        if case.companion:

            def accompany():
                try:
                    case.companion()
                except Exception as error:
                    trouble.append(error)
                    process.kill()  # which ends the measured program too

            companion = threading.Thread(target=accompany)
            companion.start()
        try:
            line, message = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise RunError(f"still running after {TIMEOUT_S} s") from None
        finally:
            process.kill()
            process.wait()
            if companion:
                companion.join()
        if trouble:
            # A companion can fail before the program has its standard error.
            stderr = ""
            if self._stderr.exists():
                stderr = self._stderr.read_text(errors="replace")
            raise RunError(f"{trouble[0]}\n{stderr}")
        if process.returncode != 0:
            raise RunError(message)
        return line
