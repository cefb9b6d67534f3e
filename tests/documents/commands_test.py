# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the commands of the documents, as a stranger would: in a fresh clone, in a
minimal Debian that has nothing yet.

    /usr/bin/python3 tests/documents/commands_test.py [DOCUMENT...]

All blocks of commands, from the top of each document to its end, but those with a
comment before them in the source: `<!-- not run: why -->`, or `<!-- run: COMMAND -->`
for what is run in a block's place. What is cloned is what is committed.

Needs root, git and mmdebstrap. Downloads 500 MB, but for the Debian, which is kept in
~/.cache/refpage-malloc/chroot, and inputs of benchmarks, if they are in
~/.cache/refpage-malloc/bench.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in "tests/packaging", "third_party/apt", "tools/lib":
    sys.path.insert(0, str(ROOT / folder))
import chroot  # noqa: E402
import documents  # noqa: E402
import private_apt  # noqa: E402

# In this order: what the README installs is there for the others.
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/*.md", "benchmarks/README.md"]

# Where packages come from safely; all else is installed by what is tested.
PACKAGES = ["ca-certificates"]
SUITES = ("bookworm", "bookworm-updates", "bookworm-security")

CLONE = "root/refpage"
INPUTS = ".cache/refpage-malloc/bench"


def sources():
    """This machine's, but for what is not Debian."""
    stanzas = [
        {**stanza, "Types": " deb"}
        for stanza in private_apt.machine_sources()
        if set(stanza.get("Suites", "").split()) & set(SUITES)
    ]
    return "\n".join(
        "".join(f"{name}:{value}\n" for name, value in stanza.items())
        for stanza in stanzas
    )


class Machine(chroot.Chroot):
    """A minimal Debian with a clone in it."""

    def __init__(self, folder):
        super().__init__(folder, PACKAGES)
        (self.folder / "etc/apt/sources.list").unlink(missing_ok=True)
        (self.folder / "etc/apt/sources.list.d/all.sources").write_text(sources())
        git = ["git", "-c", "safe.directory=*"]
        subprocess.run(
            [*git, "clone", "--quiet", "--no-hardlinks", ROOT, self.folder / CLONE],
            check=True,
        )
        kept = chroot.CACHE / "refpage-malloc/bench"
        if kept.is_dir():
            shutil.copytree(kept, self.folder / "root" / INPUTS)

    def run_script(self, text):
        # As a login has it, and Bazel wants it.
        return self.run(
            "env", "USER=root", "bash", "-euo", "pipefail", "-c",
            f"cd /{CLONE}\n{text}",
        )


class CommandsTest(unittest.TestCase):
    """A test for each document."""

    names = []  # of the command line
    failed = 0
    passed = 0

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="documents-")
        cls.addClassCleanup(scratch.cleanup)
        folder = pathlib.Path(scratch.name) / "root"
        folder.mkdir(mode=0o755)
        cls.machine = Machine(folder)

    def test_documents(self):
        for name in self.names:
            for block in documents.blocks((ROOT / name).read_text()):
                if block.is_of_commands:
                    self.try_block(f"{name}:{block.line}", block)

    def try_block(self, place, block):
        if block.mark == "not run":
            print(f"{place}: not run: {block.said}", flush=True)
            return
        began = time.monotonic()
        print(f"{place}: {block.said or block.text}", flush=True)
        with self.subTest(place):
            try:
                self.machine.run_script(block.said or block.text)
            except RuntimeError as error:
                CommandsTest.failed += 1
                print(f"FAIL: {place}", flush=True)
                # The end of what was printed tells why.
                self.fail(str(error)[-4000:])
            CommandsTest.passed += 1
        print(f"{place}: {time.monotonic() - began:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("documents", nargs="*", help="only these")
    parser.add_argument(
        "--count-file", help="write PASSED FAILED SKIPPED there, for tools/test"
    )
    arguments = parser.parse_args()
    CommandsTest.names = arguments.documents or [
        str(path.relative_to(ROOT))
        for pattern in DOCUMENTS
        for path in sorted(ROOT.glob(pattern))
    ]
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(CommandsTest)
    result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(tests)
    bad = not result.wasSuccessful()
    if arguments.count_file:
        # Where the machine could not be made, that is what failed.
        failed = CommandsTest.failed or int(bad)
        counts = f"{CommandsTest.passed} {failed} 0\n"
        pathlib.Path(arguments.count_file).write_text(counts)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
