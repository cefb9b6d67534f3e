# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import io
import unittest

from harness.case import Case
from harness.metrics import CPU
from harness.progress import Progress
from harness.runner import RunError
from harness.schedule import order, run_rounds
from harness.variants import Variant


class FakeRunner:
    """Notes what is run; fails or is interrupted where it is told to."""

    def __init__(self, fails=(), interrupt_at=None):
        self.ran = []
        self._fails = fails
        self._interrupt_at = interrupt_at

    def run(self, case, variant):
        if len(self.ran) == self._interrupt_at:
            raise KeyboardInterrupt
        self.ran.append((case.name, variant.name))
        if variant.name in self._fails:
            raise RunError("exit status 3\nout of luck\n")
        return {"cpu_s": float(len(self.ran))}, ""


CASES = [Case("one", ()), Case("two", ())]
VARIANTS = [Variant(name, "") for name in ("a", "b", "c")]


class Order(unittest.TestCase):
    def test_changes_between_rounds_and_can_be_repeated(self):
        orders = [order(VARIANTS, number) for number in range(20)]
        self.assertEqual(orders, [order(VARIANTS, n) for n in range(20)])
        firsts = {chosen[0].name for chosen in orders}
        self.assertEqual(firsts, {"a", "b", "c"})
        for chosen in orders:
            self.assertCountEqual(chosen, VARIANTS)


class Rounds(unittest.TestCase):
    def rounds(self, runner, runs, seconds=None, cases=CASES):
        self.said = io.StringIO()
        progress = Progress("test", self.said)
        return run_rounds(runner, cases, VARIANTS, runs, progress, seconds)

    def test_the_first_round_is_not_counted(self):
        runner = FakeRunner()
        samples = self.rounds(runner, 4)
        self.assertEqual(len(runner.ran), 5 * 2 * 3)
        self.assertEqual(samples.rounds(), 4)
        self.assertEqual(len(samples.values("one", "a", CPU)), 4)
        self.assertGreater(min(samples.values("one", "a", CPU)), 6)

    def test_a_short_case_runs_more_often(self):
        runner = FakeRunner()
        case = Case("short", (), runs_a_round=3)
        samples = self.rounds(runner, 2, cases=[case])
        self.assertEqual(len(runner.ran), (1 + 2 * 3) * 3)
        self.assertEqual(samples.rounds(), 2)
        self.assertEqual(len(samples.values("short", "a", CPU)), 6)

    def test_a_failure_is_shown_and_not_tried_again(self):
        runner = FakeRunner(fails=("b",))
        samples = self.rounds(runner, 3)
        self.assertEqual(runner.ran.count(("one", "b")), 1)
        self.assertEqual(runner.ran.count(("one", "a")), 4)
        self.assertIn(("two", "b"), samples.failures)
        self.assertIn("out of luck", self.said.getvalue())

    def test_an_interrupt_keeps_what_was_measured(self):
        samples = self.rounds(FakeRunner(interrupt_at=15), 10)
        self.assertEqual(samples.rounds(), 2)
        self.assertEqual(len(samples.values("one", "a", CPU)), 2)

    def test_time_over_still_gives_one_round(self):
        samples = self.rounds(FakeRunner(), 10, seconds=1e-9)
        self.assertEqual(samples.rounds(), 1)


if __name__ == "__main__":
    unittest.main()
