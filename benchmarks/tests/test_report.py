# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import unittest

from harness.case import Case
from harness.goals import Goal, Lowest
from harness.metrics import CPU, MAX_RSS
from harness.report import Layout, markdown, table
from harness.samples import Samples
from harness.variants import Variant


class Markdown(unittest.TestCase):
    def test_columns_line_up(self):
        self.assertEqual(
            markdown(["name", "n", "why"], [["a", 1, ""], ["bcdef", 22, "x"]]),
            "| name  |  n | why |\n"
            "| ----- | -: | --- |\n"
            "| a     |  1 |     |\n"
            "| bcdef | 22 | x   |",
        )


class Table(unittest.TestCase):
    layout = Layout(
        metrics=(CPU, MAX_RSS),
        spread_of=(CPU,),
        ratios=((CPU, "anon"), (MAX_RSS, "memset")),
    )

    def setUp(self):
        self.cases = [Case("c", ("true",), (Goal(CPU, "anon", factor=1.1),))]
        self.samples = Samples()
        for number, cpu in enumerate([1.0, 2.0, 3.0], start=1):
            row = {"cpu_s": cpu, "max_rss_kib": 100.0}
            self.samples.add("c", "anon", number, row)
            self.samples.add("c", "refpage", number, row)

    def rows(self, *names, layout=layout):
        variants = [Variant(name, "") for name in names]
        text = table(self.cases, variants, self.samples, layout)
        return [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines()
        ]

    def test_medians_spread_ratio_and_verdict(self):
        header, _, anon, refpage = self.rows("anon", "refpage")
        self.assertEqual(
            header,
            [
                *("case", "variant", "CPU time (s)", "CPU spread"),
                *("max RSS (KiB)", "CPU / anon", "goal"),
            ],
        )
        numbers = ["2.0000", "50.0 %", "100", "1.0000"]
        self.assertEqual(anon, ["c", "anon", *numbers, ""])
        self.assertEqual(refpage, ["c", "**refpage**", *numbers, "met"])

    def test_a_variant_that_failed_shows_no_numbers(self):
        self.samples.fail("c", "refpage", "exit status 1")
        refpage = self.rows("anon", "refpage")[3]
        self.assertEqual(
            refpage, ["c", "**refpage**", "", "", "", "", "FAILED"]
        )

    def test_a_ratio_to_the_lowest_of_several(self):
        ratios = ((CPU, Lowest("peer", ("a", "anon", "none"))),)
        layout = Layout(metrics=(CPU,), ratios=ratios)
        row = {"cpu_s": 4.0, "max_rss_kib": 100.0}
        self.samples.add("c", "a", 1, row)
        header, _, a, anon = self.rows("a", "anon", layout=layout)
        self.assertEqual(header[3], "CPU / peer")
        self.assertEqual([a[3], anon[3]], ["2.0000", "1.0000"])
        header = self.rows("refpage", layout=layout)[0]
        self.assertNotIn("CPU / peer", header)


if __name__ == "__main__":
    unittest.main()
