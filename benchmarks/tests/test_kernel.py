# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the bench of the kernel's reference pages runs, reads and shows."""

import unittest

from harness.benches import kernel_cases, kernel_run, kernel_tables
from harness.benches.kernel_cases import AS_IT_COMES
from harness.goals import Goal
from harness.samples import Samples
from harness.variants import Variant

CASES = {case.name: case for case in kernel_cases.cases(None)}


def read(case, method, *lines, status=0):
    samples = Samples()
    text = "\n".join([f"@@1@{case}@{method}", *lines, f"status={status}", ""])
    kernel_run.read_output(text, list(CASES.values()), samples)
    return samples


def value(samples, case, method, metric):
    return samples.values(case, method, metric)


class Cases(unittest.TestCase):
    def test_have_names_of_their_own(self):
        self.assertEqual(len(CASES), len(kernel_cases.cases(None)))

    def test_goals_are_of_what_is_measured(self):
        for case in CASES.values():
            names = {method.name for method in case.methods}
            self.assertTrue(not case.base or case.base in names, case.name)
            for goal in case.goals:
                self.assertLessEqual({goal.base, goal.subject}, names)
                self.assertIn(goal.base_case or case.name, CASES)

    def test_each_is_in_a_table(self):
        shown = {*kernel_tables.BY_CASE, *kernel_tables.BY_METRIC}
        self.assertLessEqual({case.table for case in CASES.values()}, shown)


class Script(unittest.TestCase):
    def setUp(self):
        self.text = kernel_run.script(
            list(CASES.values()), 2, lambda method: method.needs_syscall
        )

    def test_what_the_kernel_lacks_is_left_out(self):
        self.assertNotIn("./kernel cycle syscall", self.text)
        self.assertNotIn("backend=syscall", self.text)
        self.assertIn("./kernel cycle device ", self.text)

    def test_each_round_has_all(self):
        for number in (1, 2):
            self.assertIn(f"@@{number}@64 MiB, all@module", self.text)

    def test_only_malloc_has_the_library(self):
        for line in self.text.splitlines():
            if "./kernel cycle" in line:
                self.assertEqual(
                    "LD_PRELOAD" in line, "./kernel cycle malloc" in line, line
                )

    def test_fresh_blocks_of_malloc_are_not_kept(self):
        line = kernel_run.command_of(CASES["T=all"], AS_IT_COMES)
        self.assertIn("REFPAGE_OPTIONS=backend=auto:cache_max=0", line)
        case = CASES["16 MiB all, no cache"]
        line = kernel_run.command_of(case, AS_IT_COMES)
        self.assertIn("REFPAGE_OPTIONS=backend=auto:cache_max=0", line)
        line = kernel_run.command_of(CASES["16 MiB all"], AS_IT_COMES)
        self.assertIn("REFPAGE_OPTIONS=backend=auto", line)


class Output(unittest.TestCase):
    def test_a_tick_of_one_cpu_is_an_instruction(self):
        samples = read("T=all", "anon", "iteration_ticks=2500")
        got = value(samples, "T=all", "anon", kernel_cases.INSTRUCTIONS)
        self.assertEqual(got, [2.5])

    def test_of_two_cpus_it_is_time(self):
        samples = read("1 MiB, all, timed", "anon", "iteration_ticks=2500")
        got = value(samples, "1 MiB, all, timed", "anon", kernel_cases.TIME)
        self.assertEqual(got, [2.5])

    def test_what_is_no_number_is_not_read(self):
        samples = read("1 GiB", "anon", "read_kib=-4", "a=b", "note: x=1")
        got = value(samples, "1 GiB", "anon", kernel_cases.READ)
        self.assertEqual(got, [-4])

    def test_failures(self):
        samples = read("T=all", "module", "kernel: no such file", status=1)
        self.assertIn("no such file", samples.failures["T=all", "module"])

    def test_another_backend_than_was_asked_for_is_a_failure(self):
        shown = ("iteration_ticks=1", "has_memfd=1", "has_refpage=0")
        asked = "malloc: syscall"
        self.assertIn(
            ("T=all", asked), read("T=all", asked, *shown).failures
        )
        for fits in ("malloc: windows", "malloc: as it comes"):
            self.assertFalse(read("T=all", fits, *shown).failures)

    def test_the_clock_must_count_instructions(self):
        counts = kernel_run.counts_instructions
        self.assertTrue(counts("x\nloop_ticks=2003499\n"))
        self.assertFalse(counts("loop_ticks=247289\n"))
        self.assertFalse(counts(""))


class Loop(unittest.TestCase):
    def test_tells_whether_two_cpus_were_free(self):
        samples = Samples()
        self.assertIsNone(kernel_run.loop_speedup(samples))
        name = kernel_cases.LOOP.name
        samples.add("writing, one", name, 1, {"mean_fault_ticks": 30})
        samples.add("writing, 2 processes", name, 1, {"mean_fault_ticks": 20})
        self.assertEqual(kernel_run.loop_speedup(samples), 1.5)


class Tables(unittest.TestCase):
    def cells(self, title, text):
        """The rows of the table with that title, by their first cells."""
        for table in text.split("\n\n"):
            if table.startswith(f"| {title} "):
                lines = [line.strip("| ") for line in table.splitlines()]
                rows = [[c.strip() for c in x.split("|")] for x in lines]
                return {row[0]: row[1:] for row in rows}
        self.fail(f"no table {title}")

    def test_ratios_and_verdicts(self):
        samples = Samples()
        for name, cost in (("anon", 100), ("syscall", 110), ("module", 120)):
            samples.add("64 MiB, none", name, 1, {"instructions": cost})
        variants = [Variant(name, "") for name in kernel_cases.METHODS]
        cases = [CASES["64 MiB, none"]]
        text = kernel_tables.table(cases, variants, samples, None)
        ratios = self.cells("instructions, ratios", text)
        self.assertEqual(ratios["syscall"][0], "1.100")
        verdicts = text.split("\n\n")[-1].splitlines()[2:]
        self.assertIn("instructions <= 1.15 of anon", verdicts[0])
        self.assertIn(" met ", verdicts[0])
        self.assertIn("missed", verdicts[1])

    def test_speedups(self):
        samples = Samples()
        samples.add("writing, one", "module", 1, {"fault_ticks": 100})
        samples.add("writing, 2 processes", "module", 1, {"fault_ticks": 50})
        cases = [CASES["writing, one"], CASES["writing, 2 processes"]]
        text = kernel_tables.table(
            cases, [Variant("module", "")], samples, None
        )
        shown = self.cells("times as much as one", text)
        self.assertEqual(shown["module"][0], "2.00")
        self.assertIn("met", text.splitlines()[-1])


class GoalOfNothing(unittest.TestCase):
    def test_any_growth_over_none_is_a_miss(self):
        goal = Goal(kernel_cases.READ, "anon", subject="syscall")

        def cell(name, _metric, _case):
            return {"anon": [0], "syscall": [4]}[name]

        self.assertEqual(goal.judge(cell).why, "RSS growth 4, goal 0")


if __name__ == "__main__":
    unittest.main()
