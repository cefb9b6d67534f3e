# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fetches Debian packages and unpacks them into a folder.

    fetch_packages.py --output DIR [OPTION...] NAME[:ARCHITECTURE][/SUITE]...

For what must not or cannot be installed on the machine: packages of another
architecture or of bookworm-backports. Does nothing when DIR holds them already.
No privilege is needed, and nothing outside DIR changes.
"""

import argparse
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import private_apt

# Says what a folder was made from; written last.
STAMP = ".fetched"


def names_of(args, apt):
    names = list(args.packages)
    for meta in args.meta:
        architecture = re.search(r":[^/]*", meta)
        suite = re.search(r"/.*", meta)
        found = apt.direct_dependencies(meta)
        if not found:
            raise private_apt.AptError(f"{meta}: found nothing that it depends on")
        for name in found:
            if architecture and ":" not in name:
                name += architecture.group()
            names.append(name + (suite.group() if suite else ""))
    return names


def fetch(args, output):
    everything = [*args.packages, *args.meta]
    native = private_apt.run(["dpkg", "--print-architecture"]).stdout.strip()
    architectures = dict.fromkeys(
        [native, *(a for name in everything for a in re.findall(r":([^/]*)", name))]
    )
    suites = dict.fromkeys(s for name in everything for s in re.findall(r"/(.*)", name))
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".apt-") as folder:
        apt = private_apt.PrivateApt(folder, architectures, suites)
        debs = pathlib.Path(folder, "debs")
        debs.mkdir()
        download = {
            "none": apt.download,
            "missing": apt.download_with_missing_dependencies,
            "all": apt.download_with_dependencies,
        }[args.dependencies]
        download(names_of(args, apt), debs)
        for deb in sorted(debs.iterdir()):
            subprocess.run(["dpkg", "-x", deb, output], check=True)
            print(deb.name.replace("%3a", ":"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="*", metavar="NAME[:ARCHITECTURE][/SUITE]")
    parser.add_argument("--output", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument(
        "--meta",
        action="append",
        default=[],
        metavar="NAME",
        help="not this package, but those that it directly depends on",
    )
    parser.add_argument(
        "--dependencies",
        nargs="?",
        choices=["none", "missing", "all"],
        const="all",
        default="none",
        help="also what they need: all of it, down to libc6 (without a word behind"
        " it), or what is missing on this machine",
    )
    args = parser.parse_args()
    if not args.packages and not args.meta:
        parser.error("no packages")

    output = args.output.absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    # Another one may be at the same folder.
    lock = open(output.with_name(f".lock-{output.name}"), "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    wanted = "\n".join([str(args.dependencies), *args.packages, "", *args.meta, ""])
    stamp = output / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    # Complete or not there: DIR appears by a rename.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".new-") as new:
        unpacked = pathlib.Path(new, "tree")
        unpacked.mkdir()
        try:
            fetch(args, unpacked)
        except private_apt.AptError as error:
            sys.exit(str(error))
        (unpacked / STAMP).write_text(wanted)
        if output.exists():
            if not stamp.is_file() and os.listdir(output):
                sys.exit(f"{output} is not empty, and not of this program's making.")
            shutil.rmtree(output)
        unpacked.rename(output)


main()
