# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import unittest
from unittest import mock

from harness import build, peers


def files(package, end):
    return f"/usr/lib/{package}{end}"


class Find(unittest.TestCase):
    def find(self, names, install=None):
        install = install or mock.Mock()
        with (
            mock.patch.object(build, "install_optional", install),
            mock.patch.object(build, "file_of", files),
        ):
            return peers.find(names)

    def test_the_library_of_the_package_and_the_environment(self):
        found, missing = self.find(["jemalloc+junk"])
        self.assertEqual(
            found["jemalloc+junk"].all_environment(),
            (
                ("LD_PRELOAD", "/usr/lib/libjemalloc2/libjemalloc.so.2"),
                ("MALLOC_CONF", "junk:true"),
            ),
        )
        self.assertEqual(missing, {})

    def test_the_c_library_needs_no_package(self):
        install = mock.Mock(side_effect=AssertionError)
        found, _ = self.find(["glibc", "glibc+perturb"], install)
        self.assertEqual(found["glibc"].library, "libc.so.6")
        self.assertEqual(
            found["glibc+perturb"].environment, (("MALLOC_PERTURB_", "171"),)
        )

    def test_what_cannot_be_installed_is_left_out_with_the_reason(self):
        install = mock.Mock(side_effect=build.BuildError("E: no such package"))
        found, missing = self.find(["tcmalloc", "glibc"], install)
        self.assertEqual(list(found), ["glibc"])
        self.assertEqual(missing, {"tcmalloc": "E: no such package"})


class Stock(unittest.TestCase):
    def test_without_and_with_a_fill(self):
        stock = peers.stock("/s.so")
        self.assertEqual(tuple(stock), peers.STOCK_NAMES)
        self.assertEqual(stock["stock"].environment, ())
        self.assertEqual(
            stock["stock+pattern"].environment,
            (("SCUDO_OPTIONS", "pattern_fill_contents=true"),),
        )


class Reason(unittest.TestCase):
    def test_the_first_error_of_apt_or_the_last_line(self):
        report = "Reading\nE: Unable to locate x\nE: more\ntools/setup: no\n"
        self.assertEqual(build._reason(report), "E: Unable to locate x")
        self.assertEqual(build._reason("a\nb\n\n"), "b")
        self.assertEqual(build._reason(""), "no reason given")


if __name__ == "__main__":
    unittest.main()
