# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fetches Scudo's sources from Debian's source package of LLVM.

The machine's own package sources say where from, so that mirrors, snapshots,
proxies and keys are those the machine already trusts. Nothing on the machine is
changed and no privilege is needed: apt works in a directory of its own.
"""

import argparse
import hashlib
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile

# Below the tarball's own top folder. Keeping the path below compiler-rt/lib
# lets upstream's two ways of naming a header work.
SUBTREE_ROOT = "compiler-rt/lib/"
SUBTREE = SUBTREE_ROOT + "scudo/standalone/"

KEEP_HINT = (
    "With the file at hand, SCUDO_TARBALL=FILE takes the place of the download."
)


def run(command):
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )


def deb822_as_source(text):
    """A .sources file, with its binary entries turned into source entries."""
    stanzas = []
    # Comments may stand in the middle of a stanza: they part nothing.
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        if not re.search(r"^Types:", stanza, re.M | re.I):
            continue
        if re.search(r"^Enabled:\s*(no|false|0)\b", stanza, re.M | re.I):
            continue
        stanzas.append(
            re.sub(r"^Types:.*$", "Types: deb-src", stanza, flags=re.M | re.I)
        )
    return "\n\n".join(stanzas) + "\n"


def one_line_as_source(text):
    """The same for a .list file: `deb [options] URI suite component...`."""
    entries = {
        re.sub(r"^deb(-src)?\s", "deb-src ", line.strip()): None
        for line in text.splitlines()
        if re.match(r"\s*deb(-src)?\s", line)
    }
    return "\n".join(entries) + "\n"


def copy_sources(parts):
    """Writes the machine's package sources as deb-src into the folder parts."""
    shell = run(
        [
            "apt-config", "shell",
            "LIST", "Dir::Etc::sourcelist/f",
            "PARTS", "Dir::Etc::sourceparts/d",
        ]
    ).stdout
    where = dict(word.split("=", 1) for word in shlex.split(shell) if "=" in word)
    files = [pathlib.Path(where.get("LIST", "/etc/apt/sources.list"))]
    folder = pathlib.Path(where.get("PARTS", "/etc/apt/sources.list.d"))
    if folder.is_dir():
        files += sorted(folder.iterdir())
    for number, file in enumerate(files):
        if not file.is_file() or file.suffix not in (".list", ".sources"):
            continue
        convert = deb822_as_source if file.suffix == ".sources" else one_line_as_source
        text = convert(file.read_text(errors="replace"))
        (parts / f"{number:03}{file.suffix}").write_text(text)


def download(package, version, folder):
    """The path of the package's orig tarball, downloaded into folder."""
    for name in ("parts", "lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    copy_sources(folder / "parts")
    options = [
        "-q",
        "-o", "Dir::Etc::sourcelist=/dev/null",
        "-o", f"Dir::Etc::sourceparts={folder}/parts",
        "-o", f"Dir::State::lists={folder}/lists",
        "-o", f"Dir::Cache={folder}/cache",
        # The user that apt drops to cannot write here, nor can it exist for us.
        "-o", "APT::Sandbox::User=",
        "-o", "Acquire::Retries=3",
    ]
    # Its exit code is of no use: one unrelated source that is down fails it.
    update = run(["apt-get", *options, "update"]).stdout

    records = run(["apt-cache", *options, "showsrc", "--only-source", package])
    offered = re.findall(r"^Version: (\S+)$", records.stdout, re.M)
    if not offered:
        sys.exit(
            f"{package}: none of this machine's package sources could give its "
            f"source package. {KEEP_HINT} apt said:\n{update}"
        )
    wanted = [v for v in offered if re.sub(r"^\d+:|-[^-]*$", "", v) == version]
    if not wanted:
        sys.exit(
            f"{package}: the archive no longer carries the pinned version {version}, "
            f"but {', '.join(sorted(set(offered)))}. {KEEP_HINT}"
        )
    source = subprocess.run(
        [
            "apt-get", *options, "source", "--download-only", "--tar-only",
            f"{package}={wanted[0]}",
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    tarballs = list(folder.glob(f"{package}_{version}*.orig.tar.*"))
    if source.returncode != 0 or len(tarballs) != 1:
        sys.exit(f"{package}: the download failed. {KEEP_HINT} apt said:\n{source.stdout}")
    return tarballs[0]


def check(tarball, sha256):
    digest = hashlib.sha256()
    with open(tarball, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != sha256:
        sys.exit(
            f"{tarball} is not the pinned file: its sha256 is {digest.hexdigest()}, "
            f"the pin is {sha256}."
        )


def extract(tarball, output):
    found = False
    with tarfile.open(tarball, "r|*") as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            if not path.startswith(SUBTREE):
                if not found:
                    continue
                # The folder is in one piece, near the front of a tarball that
                # takes 13 s to read to the end.
                return
            found = True
            if member.isfile():
                target = output / path[len(SUBTREE_ROOT):]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())
    if not found:
        sys.exit(f"{tarball}: no {SUBTREE} in it.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--sha256", required=True)
    parser.add_argument("--tarball", default="", help="use this file, do not download")
    parser.add_argument("--tarball-base", default=".", help="for a relative --tarball")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=args.output, prefix="apt-") as folder:
        if args.tarball:
            tarball = pathlib.Path(args.tarball_base, args.tarball)
            if not tarball.is_file():
                sys.exit(f"SCUDO_TARBALL={args.tarball}: no such file.")
        else:
            folder = pathlib.Path(folder).resolve()
            tarball = download(args.package, args.version, folder)
        check(tarball, args.sha256)
        extract(tarball, args.output)


main()
