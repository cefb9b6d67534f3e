# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files to work on: made by us, or fetched once and kept."""

import gzip
import hashlib
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from . import build


class InputError(Exception):
    pass


def made(context, name, write):
    """The cached file called name; write(file) makes it if it is not there.

    It appears under its name when it is whole: an interrupt leaves no half
    file to be measured later.
    """
    path = context.cache / name
    if not path.exists():
        context.say(f"making {name}")
        partial = path.with_name(name + ".partial")
        with open(partial, "wb") as file:
            write(file)
        partial.rename(path)
    return path


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check(path, expected, what):
    found = sha256(path)
    if found != expected:
        raise InputError(f"{what}: sha256 is {found}, expected {expected}")


def _run_in(folder, command):
    """Standard output and error are for whoever waits, if it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise InputError(f"{' '.join(command)} failed:\n{done.stdout}")


def _only_file(folder, pattern):
    found = list(pathlib.Path(folder).glob(pattern))
    if len(found) != 1:
        raise InputError(f"expected one {pattern} in what was fetched")
    return found[0]


def from_npm(context, name, package, archive_sha256, member):
    """One file of an npm package, whose scripts are never run."""

    def fetch(file):
        build.install_command("npm", "npm")
        with tempfile.TemporaryDirectory(dir=context.cache) as folder:
            _run_in(folder, ["npm", "pack", "--ignore-scripts", package])
            archive = _only_file(folder, "*.tgz")
            _check(archive, archive_sha256, package)
            with tarfile.open(archive) as contents:
                shutil.copyfileobj(contents.extractfile(member), file)

    return made(context, name, fetch)


def from_debian(context, name, package, member, file_sha256):
    """One file of a Debian package that is not installed, unzipped."""

    def fetch(file):
        with tempfile.TemporaryDirectory(dir=context.cache) as folder:
            try:
                _run_in(folder, ["apt-get", "download", package])
            except InputError:
                # A new machine has no package lists.
                build.update_package_lists()
                _run_in(folder, ["apt-get", "download", package])
            archive = _only_file(folder, "*.deb")
            _run_in(folder, ["dpkg-deb", "-x", str(archive), "contents"])
            source = pathlib.Path(folder) / "contents" / member
            opener = gzip.open if source.suffix == ".gz" else open
            with opener(source, "rb") as contents:
                shutil.copyfileobj(contents, file)

    path = made(context, name, fetch)
    if sha256(path) != file_sha256:
        context.say(f"{name} is another edition than the published one")
    return path
