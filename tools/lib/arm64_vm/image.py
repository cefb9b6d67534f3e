# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is in the machine's memory disk, its only one.

/        what the arm64 packages hold; busybox is all commands
/vm      the scripts of guest/, settings and jobs
/vm/files  programs, tests and what they read; the working folder
"""

import lzma
import pathlib
import shlex

from . import cpio, jobs

_GUEST = pathlib.Path(__file__).parent / "guest"

# For other programs than those that run here: conversions between character
# sets, and texts.
_LEFT_OUT = ("usr/share", "usr/lib/aarch64-linux-gnu/gconv")

# Swap in compressed memory, and what it compresses by.
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


def _add_modules(archive, kernel):
    """Those of _MODULES that the kernel has, as busybox can load them."""
    for folder in kernel.glob("lib/modules/*"):
        for pattern in _MODULES:
            for module in sorted(folder.glob(f"kernel/{pattern}*")):
                name = str(module.relative_to(kernel))
                contents = module.read_bytes()
                if module.suffix == ".xz":
                    contents, name = lzma.decompress(contents), name[: -len(".xz")]
                archive.add(name, contents)


def write(path, packages, kernel, files, todo, settings):
    """files: paths of this machine, by their names below /vm/files"""
    archive = cpio.Archive()
    for package in packages:
        archive.add_tree("", package, _LEFT_OUT)
    _add_modules(archive, kernel)
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
