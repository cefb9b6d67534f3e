# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""With the real runner program, whose path is in MEASURE."""

import os
import pathlib
import tempfile
import unittest

from harness.case import Case, parse_assignments
from harness.runner import RunError, Runner
from harness.variants import Variant

PLAIN = Variant("plain", "")


class RunnerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.runner = Runner(os.environ["MEASURE"], folder.name)

    def run_shell(self, script, variant=PLAIN, **more):
        command = ("/bin/sh", "-c", script)
        return self.runner.run(Case("sh", command, **more), variant)

    def test_measures_time_faults_and_memory(self):
        loop = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
        row, _ = self.run_shell(loop)
        self.assertGreater(row["cpu_s"], 0.001)
        self.assertGreaterEqual(row["real_s"], 0.9 * row["cpu_s"])
        self.assertGreater(row["minor_faults"], 10)
        self.assertGreater(row["max_rss_kib"], 500)

    def test_memory_of_this_interpreter_is_not_counted(self):
        ballast = bytearray(64 << 20)
        ballast[::4096] = b"x" * len(ballast[::4096])
        row, _ = self.run_shell("exit 0")
        self.assertLess(row["max_rss_kib"], 32 << 10)

    def test_the_environment_is_the_variant_s(self):
        os.environ["REFPAGE_OPTIONS"] = "from outside"
        self.addCleanup(os.environ.pop, "REFPAGE_OPTIONS")
        variant = Variant("v", "", (("COLOUR", "42"),))
        row, _ = self.run_shell(
            'echo "colour=$COLOUR"; [ -z "$REFPAGE_OPTIONS" ]',
            variant,
            parse=parse_assignments,
        )
        self.assertEqual(row["colour"], 42.0)

    def test_input_comes_through_a_pipe(self):
        feed = self.folder / "input"
        feed.write_bytes(b"line\n" * 100_000)
        row, _ = self.run_shell(
            'test -p /dev/stdin && echo "lines=$(wc -l)"',
            feed=feed,
            parse=parse_assignments,
        )
        self.assertEqual(row["lines"], 100_000)

    def test_input_that_is_not_read_to_its_end(self):
        feed = self.folder / "input"
        feed.write_bytes(b"x" * 5_000_000)
        self.run_shell("exit 0", feed=feed)

    def test_a_failing_program_is_an_error_with_its_stderr(self):
        with self.assertRaisesRegex(RunError, "exit status 3\nbad luck"):
            self.run_shell("echo bad luck >&2; exit 3")
        with self.assertRaisesRegex(RunError, "exit status 137"):
            self.run_shell("kill -9 $$")
        with self.assertRaisesRegex(RunError, "No such file"):
            self.runner.run(Case("none", ("/does/not/exist",)), PLAIN)

    def test_a_library_that_is_not_loaded_is_an_error(self):
        with self.assertRaisesRegex(RunError, "cannot be preloaded"):
            self.run_shell("exit 0", Variant("v", "/does/not/exist.so"))

    def test_stderr_of_a_good_run_is_given(self):
        _, stderr = self.run_shell("echo remark >&2")
        self.assertEqual(stderr, "remark\n")

    def test_a_companion_runs_beside_the_program(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        self.run_shell(
            f'read line < {fifo}; test "$line" = hello',
            companion=lambda: fifo.write_text("hello\n"),
        )

    def test_a_companion_that_fails_ends_the_program(self):
        def fail():
            raise RuntimeError("no server there")

        with self.assertRaisesRegex(RunError, "no server there"):
            self.run_shell("sleep 1000", companion=fail)


if __name__ == "__main__":
    unittest.main()
