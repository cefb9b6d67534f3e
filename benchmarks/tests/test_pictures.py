# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What pictures are drawn from. That they can be drawn is tried by
tools/test --docs, which has matplotlib."""

import io
import pathlib
import tempfile
import unittest

from harness import benches, rss_sampler
from harness.bench import with_peers
from harness.case import Case
from harness.metrics import CPU, MAX_RSS
from harness.pictures import rows
from harness.pictures.density import crossing
from harness.runner import RunError
from harness.samples import Samples
from harness.variants import Variant


# Long enough to be looked at.
_LOOP = "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done"


class Crossing(unittest.TestCase):
    def test_where_the_second_gets_cheaper(self):
        cheap_at_first = [(0, 10), (10, 20), (50, 100)]
        even = [(0, 40), (10, 40), (50, 40)]
        self.assertEqual(crossing(cheap_at_first, even), 20)

    def test_where_it_never_does(self):
        self.assertIsNone(crossing([(0, 1), (100, 2)], [(0, 3), (100, 3)]))

    def test_where_it_is_cheaper_from_the_start(self):
        self.assertIsNone(crossing([(0, 5), (100, 9)], [(0, 3), (100, 3)]))


class Rows(unittest.TestCase):
    def setUp(self):
        self.samples = Samples()
        self.samples.add("c", "refpage", 1, {"cpu_s": 1.5, "other": "1:2"})
        self.samples.add("c", "anon", 1, {"cpu_s": 2.0})
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name, "rows.csv")

    def test_are_read_as_they_were_written(self):
        rows.write(self.path, rows.Rows(self.samples, "2 rounds. A machine."))
        again = rows.read(self.path)
        self.assertEqual(again.conditions, "2 rounds. A machine.")
        self.assertEqual(again.median("c", "refpage", CPU), 1.5)
        self.assertIsNone(again.median("c", "refpage", MAX_RSS))
        self.assertEqual(again.samples.rounds(), 1)
        text = io.StringIO()
        again.samples.write_csv_to(text)
        self.assertIn("1:2", text.getvalue())

    def test_those_of_a_bench_have_their_conditions_below_the_table(self):
        self.samples.write_csv(self.path)
        self.path.with_suffix(".md").write_text("| table |\n\n3 rounds.\n")
        self.assertEqual(rows.read(self.path).conditions, "3 rounds.")

    def test_variants_are_in_the_order_of_the_tables(self):
        self.assertEqual(
            rows.Rows(self.samples, "").variants(), ["anon", "refpage"]
        )


class Pictures(unittest.TestCase):
    def test_no_two_have_the_same_name(self):
        names = [
            picture.name
            for bench in benches.ALL.values()
            for picture in (*bench.pictures, *with_peers(bench).pictures)
        ]
        self.assertCountEqual(names, set(names))


class RssSampler(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.sampler = rss_sampler.RssSampler("/bin/false", folder.name)

    def run_shell(self, script, **more):
        case = Case("c", ("/bin/sh", "-c", script), **more)
        return self.sampler.run(case, Variant("v", ""))

    def test_points_go_on_in_time_and_the_highest_is_the_maximum(self):
        row, _ = self.run_shell(_LOOP)
        points = rss_sampler.points(row[rss_sampler.OVER_TIME.key])
        self.assertEqual(points, sorted(points))
        self.assertEqual(max(kib for _, kib in points), row[MAX_RSS.key])
        self.assertAlmostEqual(1000 * row[CPU.key], points[-1][0], places=0)
        self.assertLess(row[rss_sampler.MEAN_RSS.key], row[MAX_RSS.key] + 1)

    def test_the_program_is_fed_through_a_pipe(self):
        self.run_shell(
            f"{_LOOP}; test -p /dev/stdin && grep -q RssSampler",
            feed=pathlib.Path(__file__),
        )

    def test_a_program_that_fails(self):
        with self.assertRaisesRegex(RunError, "exit status 3\nwhy"):
            self.run_shell(f"{_LOOP}; echo why >&2; exit 3")
