# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command line of tools/vm, once everything is fetched and built."""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

from . import image, testing
from .jobs import Job, Reader
from .machine import Machine, MachineError


def _arguments():
    parser = argparse.ArgumentParser(prog="tools/vm")
    add = parser.add_argument
    add("--mode", choices=("shell", "command", "jobs"), required=True)
    add("--packages", type=pathlib.Path, required=True)
    add("--kernel", required=True)
    add("--cpus", type=int, default=2)
    add("--workers", type=int, default=2)
    add("--memory", default="4G")
    add("--seconds", type=int, default=3600)
    add("--icount", action="store_true")
    add("--log", type=pathlib.Path)
    add("--file", action="append", default=[])
    add("--env", action="append", default=[])
    add("--rules", type=pathlib.Path)
    add("--files", type=pathlib.Path)
    add("--root", type=pathlib.Path)
    add("--count-file", type=pathlib.Path)
    add("command", nargs="*")
    return parser.parse_args()


def _say(text):
    print(f"tools/vm: {text}", file=sys.stderr, flush=True)


def _command_job(arguments, files):
    """The command; its program is copied in if it is one of this machine's."""
    for path in arguments.file:
        files[os.path.basename(path)] = pathlib.Path(path)
    program, *words = arguments.command
    if os.path.isfile(program):
        files[os.path.basename(program)] = pathlib.Path(program)
        program = "./" + os.path.basename(program)
    environment = dict(pair.split("=", 1) for pair in arguments.env)
    return Job(program, (program, *words), environment)


def _settings(arguments):
    columns, rows = shutil.get_terminal_size()
    return {
        "mode": arguments.mode,
        "workers": arguments.workers,
        "rows": rows,
        "columns": columns,
    }


def _machine(arguments, scratch):
    return Machine(
        qemu=arguments.packages / "qemu",
        kernel=arguments.packages / f"linux-{arguments.kernel}",
        initramfs=scratch / "initramfs",
        console=arguments.log or scratch / "console",
        cpus=arguments.cpus,
        memory=arguments.memory,
        count_instructions=arguments.icount,
    )


def _tail(text, lines=40):
    return "\n".join(text.splitlines()[-lines:])


def _explain(machine, problems):
    """Everything that somebody needs who cannot look at the machine."""
    for problem in problems:
        _say(problem)
    _say("the end of the kernel's messages:")
    print(_tail(machine.messages()), file=sys.stderr, flush=True)


def _run_command(machine, seconds):
    def show(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    problems = []
    try:
        machine.run(seconds, show)
    except MachineError as error:
        problems.append(str(error))
    problems += machine.trouble()
    status = re.findall(r"^vm: exit status (\d+)$", machine.messages(), re.M)
    if not status:
        problems.append("the machine did not say how the command ended")
    if problems:
        _explain(machine, problems)
    # As of a shell whose command cannot be run.
    return int(status[-1]) or (125 if problems else 0) if status else 125


def _run_jobs(machine, arguments, built):
    results, reader = testing.Results(built.jobs), Reader()

    def receive(data):
        for report in reader.feed(data):
            print(results.add(report), flush=True)

    began, problems = time.monotonic(), []
    try:
        machine.run(arguments.seconds, receive)
    except MachineError as error:
        problems.append(str(error))
    if reader.rest():
        problems.append(f"{len(reader.rest())} bytes are no report")
    problems += machine.trouble()
    results.note_missing()
    for problem in problems:
        results.fail(f"the machine: {problem}")
    if problems:
        _explain(machine, problems)
    passed, failed, skipped = results.counts()
    for failure in results.failures():
        print(f"FAIL: {failure}")
    print(
        f"{len(built.jobs)} programs: {passed} passed, {failed} failed,"
        f" {skipped} skipped, {time.monotonic() - began:.0f} s with start-up",
        flush=True,
    )
    if arguments.count_file:
        arguments.count_file.write_text(f"{passed} {failed} {skipped}\n")
    return 1 if failed else 0


def main():
    arguments = _arguments()
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        machine = _machine(arguments, scratch)
        files, jobs = {}, []
        if arguments.mode == "jobs":
            built = testing.read_build(
                arguments.rules.read_text(),
                arguments.files.read_text(),
                arguments.root,
            )
            files, jobs = built.files, built.jobs
        elif arguments.mode == "command":
            jobs = [_command_job(arguments, files)]
        image.write(
            machine.initramfs,
            [arguments.packages / "arm64"],
            files,
            jobs,
            _settings(arguments),
        )
        if arguments.mode == "shell":
            return machine.interact()
        if arguments.mode == "command":
            return _run_command(machine, arguments.seconds)
        return _run_jobs(machine, arguments, built)


if __name__ == "__main__":
    sys.exit(main())
