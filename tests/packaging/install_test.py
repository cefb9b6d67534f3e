# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`bazel run //:install` as an ordinary user: what it puts where, what programs
can do with that, and that it can take all of it back."""

import ctypes
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import unittest

INSTALL = pathlib.Path(sys.argv.pop(1)).absolute()

FILES = {
    "bin/refpage",
    "include/scudo_refpage.h",
    "include/scudo_refpage_bionic.h",
    "lib/libscudo_refpage.a",
    "lib/libscudo_refpage_bionic.a",
    "lib/libscudo_refpage.so",
    "lib/pkgconfig/scudo_refpage.pc",
    "share/bash-completion/completions/refpage",
    "share/doc/libscudo-refpage/README.md",
    "share/libscudo-refpage/manifest",
    "share/man/man1/refpage.1",
    "share/man/man3/libscudo_refpage.3",
    "share/man/man7/libscudo_refpage.7",
} | {
    f"share/doc/libscudo-refpage/{path.relative_to(INSTALL.parents[1])}"
    for pattern in ("docs/*.md", "docs/pictures/*.svg")
    for path in INSTALL.parents[1].glob(pattern)
}

BINARIES = {
    "bin/refpage",
    "lib/libscudo_refpage.a",
    "lib/libscudo_refpage.so",
    "lib/libscudo_refpage_bionic.a",
}

PROGRAM = """
#include <scudo_refpage.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  unsigned char *volatile block = malloc(10 << 20);
  printf("%02x %d\\n", block[5 << 20], mallopt(M_PURGE, 0));
}
"""


# What a C library does with the library for C libraries.
BIONIC_PROGRAM = """
#include <scudo_refpage_bionic.h>
#include <stdio.h>
int main(void) {
  unsigned char *volatile block = scudo_malloc(10 << 20);
  printf("%02x %d\\n", block[5 << 20], scudo_mallopt(M_PURGE_ALL, 0));
  scudo_free(block);
}
"""


def files_below(folder):
    return {
        str(path.relative_to(folder))
        for path in pathlib.Path(folder).rglob("*")
        if not path.is_dir()
    }


class InstallTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="install-")
        self.addCleanup(scratch.cleanup)
        self.top = pathlib.Path(scratch.name)
        self.prefix = self.top / "prefix"

    def install(self, *arguments, fails=False, cwd=None):
        result = subprocess.run(
            [INSTALL, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **({"BUILD_WORKING_DIRECTORY": str(cwd)} if cwd else {})},
        )
        self.assertEqual(result.returncode != 0, fails, result.stdout)
        return result.stdout

    def output(self, *command, **environment):
        return subprocess.run(
            command,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
        ).stdout

    def build(self, *flags):
        """PROGRAM, with what pkg-config says; its path."""
        source, program = self.top / "program.c", self.top / "program"
        source.write_text(PROGRAM)
        said = self.output(
            "pkg-config",
            "--cflags",
            "--libs",
            "scudo_refpage",
            PKG_CONFIG_PATH=str(self.prefix / "lib/pkgconfig"),
        )
        self.output("gcc-12", "-o", program, *flags, source, *said.split())
        return program

    def test_the_library_for_c_libraries(self):
        self.install(f"--prefix={self.prefix}")
        source, program = self.top / "program.c", self.top / "program"
        source.write_text(BIONIC_PROGRAM)
        self.output(
            "gcc-12", "-Wall", "-Wextra", "-Werror", "-o", program,
            f"-I{self.prefix}/include", source,
            f"-L{self.prefix}/lib", "-lscudo_refpage_bionic",
        )
        self.assertEqual(self.output(program), "ab 1\n")

    def test_files_are_where_the_hierarchy_standard_has_them(self):
        self.install(f"--prefix={self.prefix}")
        self.assertEqual(files_below(self.prefix), FILES)
        for name in FILES:
            mode = (self.prefix / name).lstat().st_mode
            expected = 0o755 if name.startswith("bin/") else 0o644
            self.assertEqual(oct(mode), oct(stat.S_IFREG | expected), name)

    def test_templates_are_filled_in(self):
        self.install(f"--prefix={self.prefix}")
        for name in FILES - BINARIES:
            self.assertNotRegex((self.prefix / name).read_text(), "@[A-Z]+@", name)

    def test_what_is_there_is_documented(self):
        self.install(f"--prefix={self.prefix}")
        page = (self.prefix / "share/man/man3/libscudo_refpage.3").read_text()
        header = (self.prefix / "include/scudo_refpage.h").read_text()
        libc = ctypes.CDLL("libc.so.6")
        shown = self.output(
            "nm", "-D", "--defined-only", self.prefix / "lib/libscudo_refpage.so"
        )
        for name in re.findall(r" [TW] (\w+)$", shown, re.M):
            if name.startswith("_Z"):
                continue
            with self.subTest(name=name):
                self.assertRegex(page, rf"\b{name}\b")
                if not hasattr(libc, name):
                    self.assertRegex(header, rf"\b{name}\(")

    def test_a_relative_prefix_is_below_the_callers_folder(self):
        self.install("--prefix", "prefix", cwd=self.top)
        self.assertEqual(files_below(self.prefix), FILES)

    def test_libdir(self):
        self.install(f"--prefix={self.prefix}", "--libdir=lib/some-triplet")
        self.assertTrue((self.prefix / "lib/some-triplet/libscudo_refpage.so").exists())
        pc = (self.prefix / "lib/some-triplet/pkgconfig/scudo_refpage.pc").read_text()
        self.assertIn(f"libdir={self.prefix}/lib/some-triplet\n", pc)

    def test_destdir_is_in_no_file(self):
        self.install("--prefix=/usr", f"--destdir={self.top}/stage")
        self.assertEqual(files_below(self.top / "stage/usr"), FILES)
        for name in FILES:
            self.assertNotIn(
                str(self.top).encode(), (self.top / "stage/usr" / name).read_bytes(), name
            )

    def test_a_preloaded_program_has_it(self):
        self.install(f"--prefix={self.prefix}")
        said = subprocess.run(
            ["/usr/bin/sort", "/dev/null"],
            env={
                "LD_PRELOAD": str(self.prefix / "lib/libscudo_refpage.so"),
                "REFPAGE_OPTIONS": "stats=1",
            },
            capture_output=True,
            text=True,
        ).stderr
        self.assertIn("refpage: large blocks of sort", said)

    def test_the_program_finds_the_library(self):
        triplet = self.output("gcc-12", "-print-multiarch").strip()
        for libdir in "lib", f"lib/{triplet}", "lib64":
            with self.subTest(libdir=libdir):
                prefix = self.top / libdir
                self.install(f"--prefix={prefix}", f"--libdir={libdir}")
                said = subprocess.run(
                    [prefix / "bin/refpage", "run", "sort", "/dev/null"],
                    capture_output=True,
                    text=True,
                ).stderr
                self.assertIn("memfd_window: 1 block", said)

    def test_programs_link_it(self):
        self.install(f"--prefix={self.prefix}")
        for flags in [], ["-static"], ["-static-pie"]:
            with self.subTest(flags=flags):
                self.assertEqual(self.output(self.build(*flags)), "ab 1\n")

    def test_programs_that_link_it_need_no_library_of_ours(self):
        self.install(f"--prefix={self.prefix}")
        needed = self.output("readelf", "-d", self.build())
        self.assertIn("libc.so.6", needed)
        self.assertNotIn("scudo", needed)

    def test_a_second_time_changes_nothing(self):
        self.install(f"--prefix={self.prefix}")
        before = (self.prefix / "share/libscudo-refpage/manifest").read_text()
        self.install(f"--prefix={self.prefix}")
        self.assertEqual(files_below(self.prefix), FILES)
        after = (self.prefix / "share/libscudo-refpage/manifest").read_text()
        self.assertEqual(before, after)

    def test_a_running_program_keeps_the_library_it_has(self):
        self.install(f"--prefix={self.prefix}")
        library = self.prefix / "lib/libscudo_refpage.so"
        with open(library, "rb") as old:
            before = os.fstat(old.fileno()).st_ino
            self.install(f"--prefix={self.prefix}")
            self.assertNotEqual(library.stat().st_ino, before)
            self.assertEqual(old.read(4), b"\x7fELF")

    def test_what_an_older_version_had_goes(self):
        self.install(f"--prefix={self.prefix}")
        old = self.prefix / "include/older.h"
        old.touch()
        manifest = self.prefix / "share/libscudo-refpage/manifest"
        manifest.write_text(f"{old}\n" + manifest.read_text())
        self.install(f"--prefix={self.prefix}")
        self.assertEqual(files_below(self.prefix), FILES)

    def test_uninstall_leaves_nothing(self):
        self.install(f"--prefix={self.prefix}")
        self.install(f"--prefix={self.prefix}")
        self.install(f"--prefix={self.prefix}", "--uninstall")
        self.assertEqual(list(self.top.iterdir()), [])

    def test_uninstall_leaves_what_is_not_ours(self):
        (self.prefix / "lib").mkdir(parents=True)
        (self.prefix / "share/man/man7").mkdir(parents=True)
        self.install(f"--prefix={self.prefix}")
        (self.prefix / "include/other.h").touch()
        self.install(f"--prefix={self.prefix}", "--uninstall")
        left = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*")}
        self.assertEqual(
            left,
            {"include", "include/other.h", "lib", "share", "share/man", "share/man/man7"},
        )

    def test_uninstall_removes_nothing_outside_of_the_prefix(self):
        self.install(f"--prefix={self.prefix}")
        other = self.top / "other"
        other.touch()
        with open(self.prefix / "share/libscudo-refpage/manifest", "a") as manifest:
            manifest.write(f"{other}\n{self.prefix}/../other\n")
        self.install(f"--prefix={self.prefix}", "--uninstall")
        self.assertEqual(list(self.top.iterdir()), [other])

    def test_uninstall_where_nothing_is(self):
        said = self.install(f"--prefix={self.prefix}", "--uninstall", fails=True)
        self.assertIn("install: nothing to remove: there is no ", said)

    def test_wrong_arguments(self):
        for arguments, complaint in {
            ("--prefix",): "--prefix needs a value",
            ("--prefix=",): "--prefix is empty",
            ("--libdir=/lib",): "--libdir is a path below the prefix",
            ("--libdir=../lib",): "--libdir is a path below the prefix",
            ("--prefx=/usr",): "unknown option '--prefx=/usr'",
            (f"--prefix={self.top}/a b",): "cannot name a path with a space",
        }.items():
            with self.subTest(arguments=arguments):
                self.assertIn(complaint, self.install(*arguments, fails=True))
        self.assertEqual(list(self.top.iterdir()), [])

    def test_a_file_in_the_way(self):
        self.prefix.mkdir()
        (self.prefix / "lib").touch()
        said = self.install(f"--prefix={self.prefix}", fails=True)
        self.assertIn(f"{self.prefix}/lib is not a folder", said)
        self.assertEqual(files_below(self.prefix), {"lib"})

    def test_a_prefix_that_cannot_be_written(self):
        if os.geteuid() == 0:
            # Root may write anywhere, which does not mean that it can.
            said = self.install("--prefix=/proc/refpage", fails=True)
            self.assertIn("install: cannot make /proc/refpage/", said)
            return
        said = self.install("--prefix=/refpage/refpage", fails=True)
        self.assertIn("install: no right to write to /:", said)
        (self.prefix / "share").mkdir(parents=True)
        (self.prefix / "share").chmod(0o555)
        said = self.install(f"--prefix={self.prefix}", fails=True)
        self.assertIn(f"install: no right to write to {self.prefix}/share", said)
        self.assertEqual(files_below(self.prefix), set())


if __name__ == "__main__":
    unittest.main()
