# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import unittest

from harness import variants
from harness.variants import Variant


class Own(unittest.TestCase):
    def test_names_and_environment(self):
        own = variants.own("/lib.so")
        self.assertEqual(tuple(own), variants.OWN_NAMES)
        self.assertEqual(
            own["refpage"].all_environment(),
            (
                ("LD_PRELOAD", "/lib.so"),
                ("REFPAGE_OPTIONS", "variant=refpage"),
            ),
        )
        self.assertIn(
            ("SCUDO_OPTIONS", "pattern_fill_contents=true"),
            own["anon+small"].environment,
        )

    def test_the_cache_is_off_where_the_name_says_so(self):
        self.assertEqual(
            variants.own("/lib.so")["memset-uncached"].environment,
            (("REFPAGE_OPTIONS", "variant=memset:cache_max=0"),),
        )

    def test_statistics_are_added_to_the_options(self):
        with_stats = variants.own("/lib.so")["memset"].with_stats()
        self.assertEqual(
            with_stats.environment,
            (("REFPAGE_OPTIONS", "variant=memset:stats=1"),),
        )


class Preload(unittest.TestCase):
    def test_path_and_environment(self):
        self.assertEqual(
            variants.parse_preload("x=/y.so,A=1,B=c=d"),
            Variant("x", "/y.so", (("A", "1"), ("B", "c=d"))),
        )

    def test_no_path_is_no_preload(self):
        plain = variants.parse_preload("glibc=")
        self.assertEqual(plain.all_environment(), ())

    def test_malformed(self):
        for text in ("", "name", "=path", "n=p,novalue"):
            with self.assertRaises(ValueError):
                variants.parse_preload(text)


class Names(unittest.TestCase):
    def test_an_unknown_name_is_named(self):
        variants.check_names(["memset"], variants.OWN_NAMES)
        with self.assertRaisesRegex(ValueError, "no variant nope; there are"):
            variants.check_names(["nope"], variants.OWN_NAMES)


if __name__ == "__main__":
    unittest.main()
