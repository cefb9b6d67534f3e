# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is in the machine's memory disk, its only one.

/            what the packages hold; busybox is all commands
/vm          the scripts of guest/ and load.sh, settings and jobs
/vm/files    programs, tests and what they read; the working folder
/vm/modules  what load.sh loads at the start
"""

import lzma
import pathlib
import shlex

from . import cpio, jobs

_GUEST = pathlib.Path(__file__).parent / "guest"

# Swap and a disk in compressed memory, and what it compresses by.
_MODULES = (
    "drivers/block/zram/zram.ko",
    "mm/zsmalloc.ko",
    "crypto/lzo*.ko",
    "lib/lz4/*.ko",
)


def _script(job):
    lines = [
        f"export {name}={shlex.quote(value)}"
        for name, value in job.environment.items()
    ]
    lines.append("exec " + shlex.join(job.command))
    return "\n".join(lines) + "\n"


def _module(path):
    """A module's name and contents, as busybox can load it."""
    contents = path.read_bytes()
    if path.suffix == ".xz":
        return path.stem, lzma.decompress(contents)
    return path.name, contents


def _add_kernel_modules(archive, kernel):
    """Those of _MODULES that Debian's kernel has."""
    for folder in kernel.glob("lib/modules/*"):
        for pattern in _MODULES:
            for path in sorted(folder.glob(f"kernel/{pattern}*")):
                name, contents = _module(path)
                archive.add(f"{path.parent.relative_to(kernel)}/{name}", contents)


def _left_out(architecture):
    """What is for other programs than those that run here: texts, and
    conversions between character sets."""
    return "usr/share", f"usr/lib/{architecture.libraries}/gconv"


def write(path, architecture, packages, kernel, modules, files, todo, settings):
    """packages, kernel: the folders of unpacked packages; no kernel if it is one
    without modules. modules: those to load, each a
    path and its parameters. files: paths of this machine, by
    their names below /vm/files"""
    archive = cpio.Archive()
    archive.add_tree("", packages, _left_out(architecture))
    if kernel:
        _add_kernel_modules(archive, kernel)
    load = ""
    for module, *parameters in modules:
        name, contents = _module(pathlib.Path(module))
        archive.add(f"vm/modules/{name}", contents)
        words = shlex.join(["insmod", f"/vm/modules/{name}", *parameters])
        load += f"{words} || cannot load {shlex.quote(name)}\n"
    archive.add("vm/load.sh", load.encode())
    for script in sorted(_GUEST.iterdir()):
        archive.add(f"vm/{script.name}", script, 0o755)
    archive.add_link("init", "/vm/init.sh")
    text = "".join(f"{name}={value}\n" for name, value in settings.items())
    archive.add("vm/settings", text.encode())
    archive.add_folder("vm/files")
    for name, source in files.items():
        archive.add_path(f"vm/files/{name}", source)
    for number, job in enumerate(todo):
        folder = f"vm/jobs/{jobs.name(number).decode()}"
        archive.add(f"{folder}/run", _script(job).encode())
        archive.add(f"{folder}/seconds", b"%d\n" % job.seconds)
    # The first thing that the kernel opens; the devices proper come later.
    archive.add_device("dev/console", 5, 1)
    with open(path, "wb") as file:
        archive.write(file)
