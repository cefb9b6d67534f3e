# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fetches Scudo's sources from Debian's source package of LLVM."""

import argparse
import hashlib
import pathlib
import re
import sys
import tarfile
import tempfile

import private_apt

# Below the tarball's own top folder. Keeping the path below compiler-rt/lib
# lets upstream's two ways of naming a header work.
SUBTREE_ROOT = "compiler-rt/lib/"
SUBTREE = SUBTREE_ROOT + "scudo/standalone/"

KEEP_HINT = (
    "With the file at hand, SCUDO_TARBALL=FILE takes the place of the download."
)


def download(package, version, folder):
    """The path of the package's orig tarball, downloaded into folder."""
    apt = private_apt.PrivateApt(folder)
    records = apt.query("showsrc", "--only-source", package)
    offered = re.findall(r"^Version: (\S+)$", records, re.M)
    if not offered:
        sys.exit(
            f"{package}: none of this machine's package sources could give its "
            f"source package. {KEEP_HINT} apt said:\n{apt.update_report}"
        )
    wanted = [v for v in offered if re.sub(r"^\d+:|-[^-]*$", "", v) == version]
    if not wanted:
        sys.exit(
            f"{package}: the archive no longer carries the pinned version {version}, "
            f"but {', '.join(sorted(set(offered)))}. {KEEP_HINT}"
        )
    try:
        apt.get(
            "source", "--download-only", "--tar-only", f"{package}={wanted[0]}",
            cwd=folder,
        )
    except private_apt.AptError as error:
        sys.exit(f"{package}: the download failed. {KEEP_HINT} {error}")
    tarballs = list(pathlib.Path(folder).glob(f"{package}_{version}*.orig.tar.*"))
    if len(tarballs) != 1:
        sys.exit(f"{package}: the download has no tarball of {version}. {KEEP_HINT}")
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
