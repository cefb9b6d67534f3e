# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""That programs at length are measured whole, and differences are seen."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

from at_length import case, cli, rounds, settings, table


class TreeTest(unittest.TestCase):
    """tree.py: one program with all that it starts."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.report = pathlib.Path(folder.name, "report")

    def measure(self, script):
        command = ["--report", self.report, "--preload", "LD_PRELOAD=libc.so.6"]
        subprocess.run(
            [sys.executable, case.TREE, *command, "--", "bash", "-c", script], check=True
        )
        return json.loads(self.report.read_text())

    def test_status(self):
        self.assertEqual(self.measure("exit 3")["status"], "exit status 3")
        self.assertEqual(self.measure("kill -SEGV $$")["status"], "killed by SIGSEGV")

    def test_all_that_it_starts_is_counted_and_waited_for(self):
        # Left alone by its parent, it works and holds memory on.
        work = "x = b'x' * (100 << 20); import time\nwhile time.process_time() < 1: pass"
        report = self.measure(f'({sys.executable} -c "{work}" &)')
        self.assertEqual(report["left"], [])
        self.assertGreaterEqual(report["cpu_s"], 1)
        self.assertGreaterEqual(report["memory_kib"], 100 << 10)
        self.assertGreaterEqual(report["largest_kib"], 100 << 10)

    def test_what_does_not_end_is_named(self):
        began = time.monotonic()
        self.assertEqual(self.measure("(sleep 600 &)")["left"], ["sleep"])
        self.assertLess(time.monotonic() - began, 300)

    def test_programs_with_the_library(self):
        self.assertIn("sleep", self.measure("sleep 3; exit 0")["preloaded"])


class CaseTest(unittest.TestCase):
    """A case of each kind of trouble, run as those of cases/ are."""

    def run_case(self, commands, programs=()):
        """The faults by setting; commands: a shell's, by setting, or for all."""

        def run(run):
            script = commands.get(run.setting.name, commands["all"])
            return {"stdout": run.program("bash", "-c", script)}

        tried = case.Case("tried", "", run, programs)
        outcomes = rounds.Outcomes(tried)
        made = [
            settings.Setting("glibc", "libc.so.6"),
            settings.Setting("ours", "libm.so.6", is_ours=True),
        ]
        with tempfile.TemporaryDirectory() as scratch:
            rounds.run_case(tried, None, made, 0, outcomes, scratch)
        return outcomes.faults

    def test_the_same(self):
        self.assertEqual(self.run_case({"all": "echo 1"}), {})

    def test_another_result(self):
        faults = self.run_case({"all": "echo 1", "ours": "echo 2"})
        self.assertIn("stdout differs from line 1 on", faults["ours"][0])

    def test_another_status(self):
        faults = self.run_case({"all": "true", "ours": "kill -ABRT $$"})
        self.assertIn("killed by SIGABRT, not exit status 0", faults["ours"][0])

    def test_a_fatal_report(self):
        report = "echo 'Scudo ERROR: invalid chunk state' >&2"
        faults = self.run_case({"all": "true", "ours": report})
        self.assertIn("on stderr", faults["ours"][0])

    def test_a_program_without_the_library(self):
        faults = self.run_case({"all": "sleep 3; true"}, ("sleep", "other"))
        self.assertEqual(faults["ours"], ["not preloaded: other"])


class TableTest(unittest.TestCase):
    def test_figures_are_ratios_of_medians(self):
        outcomes = rounds.Outcomes(case.Case("tried", "", None, ()))
        for name, values in (("glibc", (1, 2, 9)), ("refpage", (5, 3, 1))):
            outcomes.costs[name] = [
                {"cpu_s": n, "real_s": n, "memory_kib": 1024 * n} for n in values
            ]
        both = [settings.Setting("glibc", ""), settings.Setting("refpage", "", is_ours=True)]
        self.assertEqual(
            table.markdown([outcomes], both).splitlines()[-1],
            "| `tried` | the same | 2.00 s | 1.50 | 2.00 s | 1.50 | 2.0 MiB | 1.50 |",
        )

    def test_the_document_has_a_place_for_it(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "document")
            path.write_text(f"a\n{table.BEGIN}\nold\n{table.END}\nb\n")
            table.update(path, "new")
            self.assertEqual(
                path.read_text(), f"a\n{table.BEGIN}\nnew\n{table.END}\nb\n"
            )

    def test_every_case_is_found(self):
        folder = pathlib.Path(cli.__file__).parent / "cases"
        files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        names = {name.replace("-", "_") for name in cli.find_cases()}
        self.assertEqual(names, files)


if __name__ == "__main__":
    unittest.main()
