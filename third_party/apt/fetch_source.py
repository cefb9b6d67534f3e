# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fetches the source package of a Debian package, as upstream released it.

    fetch_source.py --output DIR PACKAGE [FOLDER...]

With FOLDER only what is below these folders of it. Debian's patches are not
applied. Does nothing when DIR holds it already. No privilege is needed, and
nothing outside DIR changes.
"""

import argparse
import fcntl
import pathlib
import shutil
import subprocess
import sys
import tempfile

import private_apt

# Says what a folder was made from; written last.
STAMP = ".fetched"


def fetch(package, folders, output):
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".apt-") as folder:
        apt = private_apt.PrivateApt(folder)
        downloads = pathlib.Path(folder, "downloads")
        downloads.mkdir()
        apt.get("source", "--download-only", "--tar-only", package, cwd=downloads)
        # Beside it there may be parts such as orig-docs, which have no place here.
        tarballs = list(downloads.glob("*.orig.tar.*"))
        if len(tarballs) != 1:
            sys.exit(f"{package}: its source package has no one original tarball")
        command = ["tar", "-x", "-f", tarballs[0], "-C", output]
        command += ["--strip-components=1", "--no-same-owner"]
        if folders:
            command += ["--wildcards", *(f"*/{folder}/*" for folder in folders)]
        subprocess.run(command, check=True)
        print(tarballs[0].name)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", metavar="PACKAGE")
    parser.add_argument("folders", nargs="*", metavar="FOLDER")
    parser.add_argument("--output", type=pathlib.Path, required=True, metavar="DIR")
    args = parser.parse_args()

    output = args.output.absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    # Another one may be at the same folder.
    lock = open(output.with_name(f".lock-{output.name}"), "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    wanted = "\n".join([args.package, *args.folders, ""])
    stamp = output / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".new-") as new:
        unpacked = pathlib.Path(new, "tree")
        unpacked.mkdir()
        try:
            fetch(args.package, args.folders, unpacked)
        except private_apt.AptError as error:
            sys.exit(str(error))
        (unpacked / STAMP).write_text(wanted)
        if output.exists():
            shutil.rmtree(output)
        unpacked.rename(output)


main()
