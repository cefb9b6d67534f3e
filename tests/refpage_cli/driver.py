# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the program `refpage` as people do: in a pipe, or in a terminal."""

import fcntl
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import termios

import jsonschema

FOLDER = pathlib.Path.cwd()  # Bazel starts tests where their data is.
PROGRAM = FOLDER / "tools/refpage/refpage"
LIBRARY = FOLDER / "allocator/libscudo_refpage.so"
TIMEOUT = 120


def environment(**more):
    """This one, without what would change what is shown."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "NO_COLOR", "REFPAGE_OPTIONS", "LD_PRELOAD")
    }
    return {**clean, "TERM": "xterm", "REFPAGE_LIBRARY": str(LIBRARY), **more}


def run(*arguments, before=(), env=None, **options):
    """Its output in pipes. `before`: a command that runs it."""
    return subprocess.run(
        [*before, str(PROGRAM), *map(str, arguments)],
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        **options,
    )


def run_on_a_full_disk(*arguments):
    """The same, but that its output finds no room."""
    with open("/dev/full", "w") as full:
        return subprocess.run(
            [str(PROGRAM), *map(str, arguments)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT,
        )


def run_json(name, *arguments, **options):
    """What it writes with --json, which is as its schema says."""
    result = run(name, "--json", *arguments, **options)
    if result.returncode:
        raise AssertionError(f"status {result.returncode}: {result.stderr}")
    document = json.loads(result.stdout)
    check(name, document)
    return document


def check(name, document):
    schema = json.loads((FOLDER / f"tools/refpage/schemas/{name}.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(document, schema, jsonschema.Draft7Validator)


def without_proc():
    """A command that runs another where there is no /proc; None if this machine
    lets nobody hide it."""
    alone = ["unshare", "--mount"]
    if os.getuid() != 0:
        alone += ["--user", "--map-root-user"]
    hide = [*alone, "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    failed = subprocess.run([*hide, "true"], capture_output=True).returncode
    return None if failed else hide


def visible(shown):
    """The lines of a terminal, without what makes them bold or goes again."""
    shown = re.sub(r"\033\[\d*m", "", shown)
    return [line.split("\033[K")[-1] for line in shown.split("\n")]


def run_in_terminal(*arguments, columns=80, env=None, see=lambda shown: None):
    """What a terminal of that width shows, and the exit status. `see`: called with
    what is shown so far, whenever that is more."""
    main, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [str(PROGRAM), *map(str, arguments)],
        env=env or environment(),
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    shown = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # The other end was closed.
            part = b""
        if not part:
            break
        shown += part
        see(shown.decode(errors="replace"))
    os.close(main)
    return shown.decode().replace("\r\n", "\n"), process.wait(TIMEOUT)
