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


def _run(command):
    if subprocess.run(command, stdout=sys.stderr, cwd=ROOT).returncode != 0:
        raise BuildError(" ".join(map(str, command)) + " failed")


def install(packages):
    _run([str(ROOT / "tools/setup"), *packages])


def install_command(command, package):
    """For a command that may also come from elsewhere than Debian."""
    if not shutil.which(command):
        install([package])


def bazel(targets):
    quiet = ("--ui_event_filters=-info", "--noshow_loading_progress")
    _run(["bazel", "build", *quiet, *targets])


def update_package_lists():
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    _run([*as_root, "apt-get", "-q", "update"])
