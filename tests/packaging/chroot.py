# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A folder with a minimal Debian in it, to install packages in.

It is made once by mmdebstrap, kept as an archive, and unpacked for each test
run. Needs root: the files have owners, and there is a /proc of its own.
"""

import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "third_party/apt"))
import private_apt  # noqa: E402

SUITE = "bookworm"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")

ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}

# $0 is the folder. Nothing of it is left when the command has ended.
ENTER = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'


def sources():
    """Where this machine gets Debian from, as the text of a .sources file."""
    stanzas = [
        {**stanza, "Types": " deb", "Suites": f" {SUITE}"}
        for stanza in private_apt.machine_sources()
        if SUITE in stanza.get("Suites", "").split()
    ]
    if not stanzas:
        raise RuntimeError(f"none of this machine's package sources has {SUITE}")
    return "\n".join(
        "".join(f"{name}:{value}\n" for name, value in stanza.items())
        for stanza in stanzas
    )


def make_archive(packages, archive):
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".new-") as folder:
        folder = pathlib.Path(folder)
        new, where, settings = folder / "new.tar", folder / "all.sources", folder / "apt"
        where.write_text(sources())
        # Proxies and the like.
        settings.write_text(private_apt.run(["apt-config", "dump", "Acquire"]).stdout)
        result = private_apt.run(
            [
                "mmdebstrap",
                "--variant=minbase",
                "--mode=root",
                f"--aptopt={settings}",
                f"--include={','.join(packages)}",
                SUITE,
                new,
                where,
            ]
        )
        if result.returncode != 0:
            raise RuntimeError(f"mmdebstrap failed:\n{result.stdout}")
        new.rename(archive)


def archive_with(packages):
    """The archive of a Debian with these packages, made if there is none yet."""
    name = hashlib.sha256(" ".join([SUITE, *packages]).encode()).hexdigest()[:16]
    archive = CACHE / "refpage-malloc/chroot" / f"{name}.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with open(archive.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            make_archive(packages, archive)
    return archive


class Chroot:
    """Unpacked in folder, which has to be empty; the caller removes it."""

    def __init__(self, folder, packages):
        if os.geteuid() != 0:
            raise RuntimeError("only root can make a chroot")
        self.folder = pathlib.Path(folder)
        subprocess.run(
            ["tar", "-x", "--numeric-owner", "-C", folder, "-f", archive_with(packages)],
            check=True,
        )

    def run(self, *command):
        """Runs a command in it; returns what that printed, stderr included. It has
        to succeed."""
        result = subprocess.run(
            [
                "unshare", "--mount", "--propagation=private", "--pid", "--fork",
                "--kill-child", "sh", "-c", ENTER, self.folder, *command,
            ],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode != 0:
            raise RuntimeError(
                f"{' '.join(command)}: status {result.returncode}\n{result.stdout}"
            )
        return result.stdout

    def contents(self):
        """Each path in it, with what it is: (type and mode, target or digest)."""
        found = {}
        for top, folders, files in os.walk(self.folder):
            for name in folders + files:
                path = pathlib.Path(top, name)
                mode = path.lstat().st_mode
                if path.is_symlink():
                    what = os.readlink(path)
                elif path.is_file():
                    what = hashlib.sha256(path.read_bytes()).hexdigest()
                else:
                    what = ""
                found["/" + str(path.relative_to(self.folder))] = (mode, what)
        return found
