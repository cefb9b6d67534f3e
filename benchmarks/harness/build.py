# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Installs and builds what a bench needs. Reports go to stderr: stdout is for
tables."""

import os
import shutil
import subprocess
import sys

from .context import ROOT


class BuildError(Exception):
    pass


def run(command):
    """A program of this project's that builds something."""
    if subprocess.run(command, stdout=sys.stderr, cwd=ROOT).returncode != 0:
        raise BuildError(" ".join(map(str, command)) + " failed")


def install(packages):
    run([str(ROOT / "tools/setup"), *packages])


def install_optional(package):
    """The reason, in one line, is in the error."""
    done = subprocess.run(
        [str(ROOT / "tools/setup"), package],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        text=True,
    )
    if done.returncode != 0:
        raise BuildError(_reason(done.stdout))


def _reason(report):
    """apt's first error, or else the last line."""
    lines = [line.strip() for line in report.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E: ")]
    return (errors or lines[-1:] or ["no reason given"])[0]


def file_of(package, end):
    """The path of the file of an installed package that ends so."""
    listed = subprocess.run(
        ["dpkg-query", "--listfiles", package],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    for path in listed.stdout.splitlines():
        if path.endswith(end):
            return path
    raise BuildError(f"no {end} in the package {package}")


def install_command(command, package):
    """For a command that may also come from elsewhere than Debian."""
    if not shutil.which(command):
        install([package])


def bazel(targets, *options):
    quiet = ("--ui_event_filters=-info", "--noshow_loading_progress")
    run(["bazel", "build", *quiet, *options, *targets])


def update_package_lists():
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    run([*as_root, "apt-get", "-q", "update"])
