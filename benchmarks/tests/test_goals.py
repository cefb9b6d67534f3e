# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import unittest

from harness.goals import Goal, Lowest, summary
from harness.metrics import CPU, MAX_RSS, REAL


def cells(**values):
    """Gives the same values for every metric and case of a variant."""
    return lambda variant, metric, case: values.get(variant, [])


class Judging(unittest.TestCase):
    def test_a_value_at_the_limit_meets_it(self):
        goal = Goal(CPU, "anon", factor=1.5)
        self.assertTrue(goal.judge(cells(anon=[2.0], refpage=[3.0])).met)
        self.assertFalse(goal.judge(cells(anon=[2.0], refpage=[3.1])).met)

    def test_an_addition_is_in_the_unit_of_the_metric(self):
        goal = Goal(MAX_RSS, "anon", plus=1024)
        self.assertTrue(goal.judge(cells(anon=[5000], refpage=[6024])).met)
        verdict = goal.judge(cells(anon=[5000], refpage=[6626.4]))
        self.assertEqual(verdict.why, "RSS 10.0 % over: 6626, goal <= 6024")

    def test_medians_are_compared(self):
        goal = Goal(CPU, "anon")
        measured = cells(anon=[1.0, 1.0, 1.0], refpage=[0.9, 0.9, 9.0])
        self.assertTrue(goal.judge(measured).met)

    def test_a_miss_says_by_how_much_and_how_sure(self):
        goal = Goal(CPU, "anon", factor=1.01)
        why = goal.judge(cells(anon=[1.0] * 3, refpage=[1.111] * 3)).why
        self.assertEqual(
            why,
            "CPU 10.0 % over: 1.111 of anon, goal <= 1.01"
            " (95 %: 1.111 to 1.111)",
        )

    def test_nothing_to_judge_by(self):
        self.assertIsNone(Goal(CPU, "anon").judge(cells(refpage=[1.0])))
        self.assertIsNone(Goal(CPU, "anon").judge(cells(anon=[1.0])))


class OtherBases(unittest.TestCase):
    goal = Goal(CPU, Lowest("peer", ("a", "b", "c")), factor=2)

    def test_the_lowest_median_counts(self):
        measured = {"a": [3.0], "b": [1.0, 1.0, 9.0], "c": [2.0]}
        self.assertTrue(self.goal.judge(cells(**measured, refpage=[2.0])).met)
        why = self.goal.judge(cells(**measured, refpage=[3.0])).why
        self.assertIn("3 of b, goal <= 2", why)

    def test_variants_that_were_not_measured_do_not_count(self):
        self.assertTrue(self.goal.judge(cells(c=[2.0], refpage=[4.0])).met)
        self.assertIsNone(self.goal.judge(cells(refpage=[4.0])))

    def test_another_case_of_the_same_variant(self):
        values = {None: [0.6], "one thread": [1.0]}
        goal = Goal(REAL, "refpage", factor=0.5, base_case="one thread")
        why = goal.judge(lambda variant, metric, case: values[case]).why
        self.assertIn("0.6 of refpage, one thread, goal <= 0.5", why)

    def test_another_subject(self):
        goal = Goal(CPU, "stock", factor=1.01, subject="anon")
        measured = cells(stock=[1.0], anon=[1.0], refpage=[9.0])
        self.assertEqual(summary((goal,), "anon", measured), "met")
        self.assertEqual(summary((goal,), "refpage", measured), "")


class Summary(unittest.TestCase):
    goals = (Goal(CPU, "anon", factor=2), Goal(CPU, "memset", factor=0.5))

    def test_met_when_all_are(self):
        measured = cells(anon=[1.0], memset=[4.0], refpage=[2.0])
        self.assertEqual(summary(self.goals, "refpage", measured), "met")

    def test_every_miss_is_named(self):
        measured = cells(anon=[1.0], memset=[4.0], refpage=[3.0])
        text = summary(self.goals, "refpage", measured)
        self.assertTrue(text.startswith("missed: CPU 50.0 % over"), text)
        self.assertIn("of anon", text)
        self.assertIn("of memset", text)

    def test_empty_without_measurements_or_goals(self):
        alone = cells(refpage=[1.0])
        self.assertEqual(summary(self.goals, "refpage", alone), "")
        both = cells(anon=[1.0], refpage=[1.0])
        self.assertEqual(summary((), "refpage", both), "")


if __name__ == "__main__":
    unittest.main()
