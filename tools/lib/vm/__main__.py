# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command line of tools/vm, once everything is fetched and built."""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time

from . import image, testing
from .architecture import ARCHITECTURES
from .jobs import Dispatcher, Job
from .machine import Machine, MachineError, installed_kernel, stop_all


def _arguments():
    parser = argparse.ArgumentParser(prog="tools/vm")
    add = parser.add_argument
    add("--mode", choices=("shell", "command", "jobs"), required=True)
    add("--arch", choices=ARCHITECTURES, required=True)
    # Its folders: qemu, root and those of kernels.
    add("--packages", type=pathlib.Path, required=True)
    add("--kernel", required=True)
    add("--kernel-image", type=pathlib.Path)
    add("--module", type=str.split, action="append", default=[])
    add("--user", action="store_true")
    add("--cpus", type=int, default=2)
    add("--machines", type=int, default=1)
    add("--memory", default="4G")
    add("--seconds", type=int, default=3600)
    add("--clock", choices=("real", "instructions"), default="real")
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
    return Job(program, (program, *words))


def _with_environment(job, pairs):
    """The job with what the command line sets for all."""
    more = dict(pair.split("=", 1) for pair in pairs)
    return dataclasses.replace(job, environment={**job.environment, **more})


def _settings(arguments):
    columns, rows = shutil.get_terminal_size()
    return {
        "mode": arguments.mode,
        "arch": arguments.arch,
        "ports": ARCHITECTURES[arguments.arch].ports,
        "user": "user" if arguments.user else "root",
        "cpus": arguments.cpus,
        "rows": rows,
        "columns": columns,
    }


def _machine(arguments, kernel, scratch):
    return Machine(
        architecture=ARCHITECTURES[arguments.arch],
        qemu=arguments.packages / "qemu",
        kernel=arguments.kernel_image or installed_kernel(kernel),
        initramfs=scratch / "initramfs",
        console=arguments.log or scratch / "console",
        cpus=arguments.cpus,
        memory=arguments.memory,
        count_instructions=arguments.clock == "instructions",
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
    def show(data, _cpu_seconds):
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


def _work(machine, seconds, results, lock):
    """Lets a machine take jobs until there are none; gives what went wrong
    with it."""

    def add_report(report):
        with lock:
            print(results.add(report), flush=True)

    def take_job():
        with lock:
            return results.take_job()

    dispatcher, problems = Dispatcher(take_job, add_report), []
    try:
        machine.run(seconds, dispatcher.talk)
    except MachineError as error:
        problems.append(str(error))
    if dispatcher.rest():
        problems.append(f"sent what is no report: {dispatcher.rest()[-200:]!r}")
    problems += machine.trouble()
    if dispatcher.at_work is not None:
        problems.append(f"was at {results.name_of(dispatcher.at_work)}")
    if problems:
        with lock:
            _explain(machine, problems)
    return problems


def _run_jobs(machine, arguments, built):
    results, lock = testing.Results(built), threading.Lock()
    began = time.monotonic()
    machines = [
        dataclasses.replace(machine, console=machine.console.with_suffix(f".{number}"))
        for number in range(1, min(arguments.machines, len(built.jobs)) + 1)
    ]
    with concurrent.futures.ThreadPoolExecutor(len(machines)) as pool:
        futures = [
            pool.submit(_work, one, arguments.seconds, results, lock) for one in machines
        ]
        problems = [problem for future in futures for problem in future.result()]
    results.note_missing()
    for problem in problems:
        results.fail(f"the machine: {problem}")
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    passed, failed, skipped = results.counts()
    for failure in results.failures():
        print(f"FAIL: {failure}")
    print(
        f"{len(built.jobs)} programs: {passed} passed, {failed} failed,"
        f" {skipped} skipped, in {time.monotonic() - began:.0f} s,"
        f" {cpu.ru_utime + cpu.ru_stime:.0f} s of CPU",
        flush=True,
    )
    if arguments.count_file:
        arguments.count_file.write_text(f"{passed} {failed} {skipped}\n")
    return 1 if failed else 0


def _stop(*_):
    stop_all()
    sys.exit(143)


def main():
    signal.signal(signal.SIGTERM, _stop)
    arguments = _arguments()
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kernel = arguments.packages / f"linux-{arguments.kernel}"
        machine = _machine(arguments, kernel, scratch)
        files, jobs = {}, []
        if arguments.mode == "jobs":
            built = testing.read_build(
                arguments.rules.read_text(),
                arguments.files.read_text(),
                arguments.root,
                machine.architecture.expected,
            )
            files, jobs = built.files, [built.report, *built.jobs]
        elif arguments.mode == "command":
            jobs = [_command_job(arguments, files)]
        image.write(
            machine.initramfs,
            machine.architecture,
            arguments.packages / "root",
            None if arguments.kernel_image else kernel,
            arguments.module,
            files,
            [_with_environment(job, arguments.env) for job in jobs],
            _settings(arguments),
        )
        if arguments.mode == "shell":
            return machine.interact()
        if arguments.mode == "command":
            return _run_command(machine, arguments.seconds)
        return _run_jobs(machine, arguments, built)


if __name__ == "__main__":
    sys.exit(main())
