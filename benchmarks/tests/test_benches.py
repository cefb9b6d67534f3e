# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What every bench must give the tool, and what the parsers read."""

import pathlib
import unittest

from harness import benches, peers
from harness.bench import with_peers
from harness.benches import churn, malloc, redis, regret, small
from harness.case import Case
from harness.context import Context
from harness.goals import Lowest
from harness.samples import Samples
from harness.variants import OWN_NAMES, Variant

PLACE = Context(
    binaries=pathlib.Path("/bin"),
    cache=pathlib.Path("/cache"),
    scratch=pathlib.Path("/scratch"),
    say=print,
)


class All(unittest.TestCase):
    def test_every_bench_uses_known_variants(self):
        for bench in benches.ALL.values():
            known = {*OWN_NAMES, *peers.NAMES}
            self.assertLessEqual(set(bench.variants), known)
            self.assertTrue(bench.about)
            self.assertGreater(bench.runs, 0)


    def test_under_peers_each_has_all_variants_once(self):
        for name in benches.UNDER_PEERS:
            bench = with_peers(benches.ALL[name])
            self.assertEqual(bench.name, f"peers-{name}")
            self.assertLessEqual(set(peers.NAMES), set(bench.variants))
            self.assertIn("refpage", bench.variants)
            self.assertCountEqual(set(bench.variants), bench.variants)


class Churn(unittest.TestCase):
    def setUp(self):
        self.cases = {case.name: case for case in churn._cases(PLACE)}

    def bases(self, name):
        return [str(goal.base) for goal in self.cases[name].goals]

    def test_names_tell_cases_apart(self):
        self.assertEqual(len(self.cases), len(churn._cases(PLACE)))

    def test_goals(self):
        self.assertEqual(
            self.bases("1 MiB one page"), ["stock", "memset", "filling peer"]
        )
        self.assertEqual(
            self.bases("64 MiB all"),
            ["stock", "memset", "filling peer", "fastest peer"],
        )
        self.assertEqual(
            self.bases("128 KiB 25 %"),
            ["memset", "filling peer", "fastest peer"],
        )
        self.assertEqual(self.bases("8 MiB 25 %, scattered"), [])

    def test_two_threads_are_compared_with_one(self):
        goal = self.cases["8 MiB all, 2 threads"].goals[-1]
        self.assertEqual(goal.base_case, "8 MiB all")
        self.assertIn(goal.base_case, self.cases)
        self.assertEqual(goal.base, goal.subject)

    def test_more_is_written_in_fewer_iterations(self):
        self.assertGreater(
            churn.iterations(1 << 20, 0), churn.iterations(1 << 20, 1)
        )
        self.assertGreaterEqual(churn.iterations(1 << 40, 1), 16)


class Small(unittest.TestCase):
    def test_like_is_compared_with_like(self):
        for case in small._cases(PLACE):
            pairs = {(goal.subject, goal.base) for goal in case.goals}
            self.assertEqual(
                pairs, {("refpage", "stock+pattern"), ("anon", "stock")}
            )


class Regret(unittest.TestCase):
    def table(self, *uses, variant="refpage"):
        """One case for each (name, own time, {method: time}); the cells."""
        samples, cases = Samples(), []
        for name, own, methods in uses:
            cases.append(Case(name, ()))
            row = {"cpu_s": 1.0, "use_us allocator": own}
            row.update({f"use_us {m}": time for m, time in methods.items()})
            samples.add(name, variant, 1, row)
        text = regret._table(cases, [Variant(variant, "")], samples, None)
        return [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines()[2:]
        ]

    def test_cases_have_names_of_their_own_and_none_is_there_twice(self):
        cases = regret._cases(PLACE)
        self.assertEqual(len({case.name for case in cases}), len(cases))
        self.assertEqual(len({case.command for case in cases}), len(cases))
        names = {case.name for case in cases}
        self.assertIn("reused: 1 MiB 1 % scattered", names)
        self.assertNotIn("fresh: 128 KiB 1 % front", names)

    def test_the_best_method_of_each_case(self):
        rows = self.table(
            ("a", 2.2, {"memset": 4.0, "windows": 2.0}),
            ("b", 3.0, {"populate": 6.0, "memset": 8.0}),
        )
        subject = "**refpage**"
        self.assertEqual(
            rows[:2],
            [
                ["a", subject, "2.20", "2.00", "10.0 %", "windows"],
                ["b", subject, "3.00", "6.00", "-50.0 %", "populate"],
            ],
        )

    def test_a_gain_does_not_make_up_for_a_loss(self):
        uses = [("a", 1.0, {"m": 9.0}), ("b", 1.2, {"m": 1.0})]
        median, worst = self.table(*uses)[2:]
        self.assertEqual(median[4:], ["10.0 %", "met"])
        self.assertEqual(worst[0], "worst: b")
        self.assertEqual(worst[4:], ["20.0 %", "met"])

    def test_goals_that_are_missed(self):
        median, worst = self.table(("a", 1.4, {"m": 1.0}))[1:]
        self.assertEqual(median[5], "missed: goal <= 10.0 %")
        self.assertEqual(worst[5], "missed: goal <= 30.0 %")

    def test_other_variants_have_no_goal(self):
        rows = self.table(("a", 1.4, {"m": 1.0}), variant="memset")
        self.assertEqual([row[5] for row in rows], ["m", "", ""])

    def test_a_case_that_failed(self):
        samples = Samples()
        samples.fail("a", "refpage", "exit status 1")
        variants = [Variant("refpage", "")]
        text = regret._table([Case("a", ())], variants, samples, None)
        self.assertIn("FAILED", text.splitlines()[2])
        self.assertEqual(len(text.splitlines()), 3)


class GoalBases(unittest.TestCase):
    def test_each_base_is_a_variant_of_its_bench_or_of_peers(self):
        for name in ("micro", "churn", "buffers", "grow", "small"):
            bench = benches.ALL[name]
            for case in bench.cases(PLACE):
                for goal in case.goals:
                    base = goal.base
                    names = base.names if isinstance(base, Lowest) else [base]
                    self.assertLessEqual(set(names), set(bench.variants))


class GoogleBenchmarkOutput(unittest.TestCase):
    def test_lines_before_the_header_are_skipped(self):
        output = (
            "a line about the machine\n"
            "name,iterations,real_time,cpu_time,time_unit\n"
            '"mallocFree/bytes:16/written:100",9,5.5,4.5,ns\n'
        )
        self.assertEqual(malloc._parse(output), {"cpu_ns 16/100": 4.5})

    def test_sizes_are_written_in_their_unit(self):
        sizes = [16, 4096, 64 << 10, 16 << 20]
        texts = [malloc._size_text(size) for size in sizes]
        self.assertEqual(texts, ["16 B", "4 KiB", "64 KiB", "16 MiB"])


class RedisProtocol(unittest.TestCase):
    def test_encoding(self):
        self.assertEqual(
            redis._encode("EVAL", "x y"),
            b"*2\r\n$4\r\nEVAL\r\n$3\r\nx y\r\n",
        )


if __name__ == "__main__":
    unittest.main()
