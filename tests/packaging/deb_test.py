# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Debian package in a clean Debian: it installs, works, and goes again.

    tools/deb --output DIR
    /usr/bin/python3 tests/packaging/deb_test.py --deb DIR/*.deb

Needs root, mmdebstrap and lintian. The Debian is made at the first run, which
downloads 100 MB, and kept in ~/.cache/refpage-malloc/chroot.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from chroot import Chroot

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What the tests call; the package itself needs what each Debian has: the C
# library, and the C++ one for the program.
PACKAGES = ["gcc", "libc6-dev", "man-db", "mandoc", "pkgconf"]

PACKAGE = "libscudo-refpage"
TRIPLET = subprocess.run(
    ["dpkg-architecture", "-qDEB_HOST_MULTIARCH"],
    check=True,
    stdout=subprocess.PIPE,
    text=True,
).stdout.strip()

PROGRAM = r"""
#include <scudo_refpage.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  unsigned char *volatile block = malloc(10 << 20);
  printf("%02x %d\n", block[5 << 20], mallopt(M_PURGE, 0));
}
"""

BIONIC_PROGRAM = r"""
#include <scudo_refpage_bionic.h>
#include <stdio.h>
int main(void) {
  unsigned char *volatile block = scudo_malloc(10 << 20);
  printf("%02x\n", block[5 << 20]);
}
"""

SET_USER_ID_PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  unsigned char *volatile block = malloc(10 << 20);
  printf("%02x\n", block[5 << 20]);
}
"""

# What dpkg, ldconfig and man keep of their own, whatever the package.
KEPT_BOOKS = re.compile(
    r"/(var/lib/dpkg/.*|var/log/.*|var/cache/(man|ldconfig)/.*|etc/ld\.so\.cache)"
)


# Of the command line.
DEB = None
DEB_AGAIN = None


class DebTest(unittest.TestCase):
    """The tests go from installing to removing, in the order of their names."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="deb-")
        cls.addClassCleanup(scratch.cleanup)
        cls.top = pathlib.Path(scratch.name)
        folder = cls.top / "root"
        folder.mkdir(mode=0o755)
        cls.chroot = Chroot(folder, PACKAGES)
        cls.before = cls.chroot.contents()
        (folder / "tmp" / DEB.name).write_bytes(DEB.read_bytes())

    def in_chroot(self, *command):
        return self.chroot.run(*command)

    def test_0_lintian_has_no_complaint(self):
        result = subprocess.run(
            ["lintian", "--allow-root", "--fail-on=error,warning", DEB],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_0_the_same_sources_give_the_same_package(self):
        self.assertEqual(DEB.read_bytes(), DEB_AGAIN.read_bytes())

    def test_1_installs(self):
        said = self.in_chroot("dpkg", "--install", f"/tmp/{DEB.name}")
        self.assertNotIn("warning", said)
        status = self.in_chroot("dpkg-query", "-W", "-f=${db:Status-Status}", PACKAGE)
        self.assertEqual(status, "installed")
        self.assertEqual(self.in_chroot("dpkg", "--verify", PACKAGE), "")

    def test_2_installs_once_more(self):
        self.in_chroot("dpkg", "--install", f"/tmp/{DEB.name}")
        self.assertEqual(self.in_chroot("dpkg", "--verify", PACKAGE), "")

    def test_3_a_program_runs_on_it(self):
        said = self.in_chroot(
            "env",
            # The dynamic linker finds it: it is in a folder of the system's.
            "LD_PRELOAD=libscudo_refpage.so",
            "REFPAGE_OPTIONS=stats=1",
            "dd",
            "if=/dev/zero",
            "of=/dev/null",
            "bs=8M",
            "count=1",
        )
        self.assertIn("8388608 bytes", said)
        self.assertIn("refpage: large blocks of dd ", said)
        self.assertIn("memfd_window: ", said)
        self.assertNotIn("ERROR", said)

    def test_3_refpage(self):
        said = self.in_chroot("refpage", "run", "dd", "if=/dev/zero", "of=/dev/null", "bs=8M", "count=1")
        self.assertIn("refpage: dd if=/dev/zero of=/dev/null bs=8M count=1 ended with status 0", said)
        self.assertIn("memfd_window: 1 block", said)
        self.assertIn("What the allocator would choose", self.in_chroot("refpage", "probe"))

    def test_3_all_programs_run_on_it(self):
        preload = self.chroot.folder / "etc/ld.so.preload"
        preload.write_text(f"/usr/lib/{TRIPLET}/libscudo_refpage.so\n")
        self.addCleanup(preload.unlink)
        said = self.in_chroot("sh", "-c", "grep -c libscudo_refpage /proc/self/maps")
        self.assertNotEqual(said.strip(), "0")
        self.assertIn(PACKAGE, self.in_chroot("dpkg", "--list"))

    def test_3_programs_are_built_with_it(self):
        source = self.chroot.folder / "tmp/program.c"
        source.write_text(PROGRAM)
        self.addCleanup(source.unlink)
        for how in "", "-static", "-static-pie":
            with self.subTest(how=how):
                said = self.in_chroot(
                    "sh",
                    "-ec",
                    f"""
                    cc -Wall -Wextra -Werror {how} -o /tmp/program /tmp/program.c \
                      $(pkg-config --cflags --libs scudo_refpage)
                    /tmp/program
                    ! ldd /tmp/program 2>&1 | grep scudo
                    rm /tmp/program
                    """,
                )
                self.assertEqual(said, "ab 1\n")

    def test_3_a_c_library_is_built_with_it(self):
        source = self.chroot.folder / "tmp/program.c"
        source.write_text(BIONIC_PROGRAM)
        self.addCleanup(source.unlink)
        said = self.in_chroot(
            "sh",
            "-ec",
            """
            cc -Wall -Wextra -Werror -o /tmp/program /tmp/program.c -lscudo_refpage_bionic
            /tmp/program
            rm /tmp/program
            """,
        )
        self.assertEqual(said, "ab\n")

    def test_3_set_user_id_programs_run_on_it(self):
        """Preloaded if the library has the bit too, as ld.so(8) asks; by then it
        takes no options from whoever starts the program."""
        library = f"/usr/lib/{TRIPLET}/libscudo_refpage.so"
        source = self.chroot.folder / "tmp/program.c"
        source.write_text(SET_USER_ID_PROGRAM)
        self.addCleanup(source.unlink)
        run = (
            "setpriv --reuid=65534 --regid=65534 --clear-groups env "
            "LD_PRELOAD=libscudo_refpage.so REFPAGE_OPTIONS=pattern=5a /tmp/program"
        )
        said = self.in_chroot(
            "sh",
            "-ec",
            f"""
            cc -Wall -Wextra -Werror -o /tmp/program /tmp/program.c
            {run}
            chmod u+s /tmp/program
            {run}
            chmod u+s {library}
            {run}
            chmod u-s {library}
            rm /tmp/program
            """,
        )
        lines = [line for line in said.splitlines() if "ERROR: ld.so" not in line]
        self.assertEqual(lines, ["5a", "00", "ab"])

    def test_3_pkg_config_knows_the_version(self):
        said = self.in_chroot("pkg-config", "--modversion", "scudo_refpage")
        self.assertIn(f"_{said.strip()}_", DEB.name)

    def test_3_manual_pages(self):
        for section, name, phrase in (
            ("7", "libscudo_refpage", "REFPAGE_OPTIONS"),
            ("3", "libscudo_refpage", "malloc_iterate"),
            ("1", "refpage", "--compare"),
        ):
            with self.subTest(name=name, section=section):
                said = self.in_chroot("man", section, name)
                self.assertIn(f"{name.upper()}({section})", said)
                self.assertIn(phrase, said)
                page = self.in_chroot("man", "--where", section, name)
                # Fails from warnings on.
                self.in_chroot("mandoc", "-T", "lint", "-W", "warning", page.strip())

    def test_4_goes_and_leaves_nothing(self):
        self.in_chroot("dpkg", "--purge", PACKAGE)
        (self.chroot.folder / "tmp" / DEB.name).unlink()
        after = self.chroot.contents()
        self.assertEqual(
            sorted(p for p in after if p not in self.before and not KEPT_BOOKS.match(p)),
            [],
            "left behind",
        )
        self.assertEqual(
            sorted(p for p in self.before if p not in after and not KEPT_BOOKS.match(p)),
            [],
            "removed with it",
        )
        changed = sorted(p for p in after if after[p] != self.before.get(p, after[p]))
        self.assertEqual([p for p in changed if not KEPT_BOOKS.match(p)], [])
        # Not man's copies of pages that were read, which it drops by itself.
        ours = [p for p in after if re.search("scudo.refpage", p)]
        self.assertEqual([p for p in ours if not p.startswith("/var/cache/man/")], [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deb", required=True, type=pathlib.Path)
    parser.add_argument(
        "--again", type=pathlib.Path, metavar="DEB", help="built a second time"
    )
    parser.add_argument(
        "--count-file", help="write PASSED FAILED SKIPPED there, for tools/test"
    )
    arguments = parser.parse_args()
    global DEB, DEB_AGAIN
    DEB, DEB_AGAIN = arguments.deb, arguments.again or arguments.deb
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(DebTest)
    result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(tests)
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    if arguments.count_file:
        counts = f"{result.testsRun - failed - skipped} {failed} {skipped}\n"
        pathlib.Path(arguments.count_file).write_text(counts)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
