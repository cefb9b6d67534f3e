# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`refpage uninit` runs uninit_program, which has planted bugs."""

import json
import pathlib
import tempfile
import unittest

import driver

PROGRAM = driver.FOLDER / "tests/refpage_cli/uninit_program"
KIB = 1 << 10
MIB = 1 << 20


def uninit(*cases, options="backend=memfd", arguments=(), program=PROGRAM):
    """The JSON, and the command's output and status."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "report"
        result = driver.run(
            "uninit", "--json", f"--output={output}", *arguments, "--", program, *cases,
            env=driver.environment(REFPAGE_OPTIONS=options),
        )  # fmt: skip
        report = json.loads(output.read_text())
    driver.check("uninit", report)
    return report, result


class FindingsTest(unittest.TestCase):
    def expect_read(self, case, size, offset, reads=1):
        report, result = uninit(case)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "done\n")
        (finding,) = report["findings"]
        self.assertEqual(finding["size"], size)
        self.assertEqual(finding["blocks"], 1)
        (where,) = finding["ranges"]
        self.assertLessEqual(where["from"], offset)
        self.assertGreater(where["to"], offset)
        if finding["exact"]:
            self.assertEqual(finding["reads"], reads)
            if reads == 1:
                self.assertLessEqual(where["to"] - where["from"], 4096)
        names = [caller["function"] for caller in finding["callers"]]
        return report, names

    def test_an_untouched_block(self):
        _, names = self.expect_read("untouched", 300 * KIB, 200 * KIB)
        self.assertIn("allocateBuffer", names[0])
        self.assertIn("main", names)

    def test_a_program_with_the_library_linked_in(self):
        report, _ = uninit("untouched", program=f"{PROGRAM}_linked")
        (finding,) = report["findings"]
        self.assertIn("allocateBuffer", finding["callers"][0]["function"])

    def test_a_large_block(self):
        self.expect_read("large", 64 * MIB, 33 * MIB)

    def test_the_half_that_was_not_filled(self):
        self.expect_read("half_filled", 2 * MIB, 2 * MIB - 1, reads=256)

    def test_what_realloc_has_added(self):
        _, names = self.expect_read("grown", 3 * MIB, 2 * MIB + 100)
        self.assertIn("grown", names[0])

    def test_a_block_in_use_at_exit(self):
        self.expect_read("at_exit", MIB + 4 * KIB, 512 * KIB)

    def test_a_system_call(self):
        self.expect_read("system_call", MIB + 8 * KIB, 600 * KIB)

    def test_a_child(self):
        report, _ = self.expect_read("in_a_child", 700 * KIB, 300 * KIB)
        self.assertEqual(len(report["processes"]), 2)

    def test_a_correct_program(self):
        report, _ = uninit("correct")
        self.assertEqual(report["findings"], [])
        # Not the one of calloc.
        self.assertEqual(report["processes"][0]["watched_blocks"], 3)

    def test_beside_a_write_nothing_is_seen(self):
        report, _ = uninit("beside_a_write")
        self.assertEqual(report["findings"], [])

    def test_a_copy_counts_as_a_read(self):
        report, _ = uninit("copied")
        (finding,) = report["findings"]
        self.assertEqual(finding["size"], MIB + 16 * KIB)

    def test_filled_blocks_are_not_watched(self):
        report, _ = uninit("untouched", options="backend=memset")
        self.assertEqual(report["findings"], [])
        self.assertEqual(report["processes"][0]["filled_blocks"], 1)

    def test_a_variant_without_reference_pages(self):
        report, _ = uninit("untouched", options="variant=anon")
        self.assertFalse(report["processes"][0]["watched"])


class StatusTest(unittest.TestCase):
    def test_the_commands_status_is_passed_on(self):
        report, result = uninit("failing")
        self.assertEqual(result.returncode, 7)
        self.assertEqual(report["exit_status"], 7)

    def test_a_signal(self):
        report, result = uninit("killed")
        self.assertEqual(result.returncode, 128 + 6)
        self.assertEqual(report["processes"], [])
        self.assertIn("no program told anything", result.stderr)

    def test_findings_can_be_a_failure(self):
        _, result = uninit("untouched", arguments=["--error-exitcode=9"])
        self.assertEqual(result.returncode, 9)
        _, result = uninit("correct", arguments=["--error-exitcode=9"])
        self.assertEqual(result.returncode, 0)

    def test_wrong_arguments(self):
        for arguments, message in [
            ([], "no COMMAND"),
            (["--error-exitcode=300", "--", "true"], "--error-exitcode"),
            (["--nonsense", "--", "true"], "nonsense"),
        ]:
            result = driver.run("uninit", *arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(message, result.stderr)

    def test_no_such_command(self):
        result = driver.run("uninit", "--", "no-such-command-at-all")
        self.assertEqual(result.returncode, 127)

    def test_an_output_that_cannot_be_written(self):
        result = driver.run("uninit", "--output=/nowhere/x", "--", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/nowhere/x", result.stderr)


class TextTest(unittest.TestCase):
    def test_in_a_pipe(self):
        result = driver.run("uninit", "--", PROGRAM, "untouched", "grown")
        self.assertEqual(result.stdout, "done\n")
        self.assertIn(
            "memory that was never written was read in 2 large blocks, of 3 watched "
            "in 1 process",
            result.stderr,
        )
        self.assertIn("1 block of 307200 bytes (300.0 KiB): ", result.stderr)
        self.assertIn("  allocated by ", result.stderr)

    def test_in_a_narrow_terminal(self):
        shown, status = driver.run_in_terminal(
            "uninit", "--", PROGRAM, "untouched", columns=40
        )
        self.assertEqual(status, 0)
        self.assertIn("300.0 KiB", shown)

    def test_nothing_found(self):
        result = driver.run("uninit", "--", PROGRAM, "correct")
        self.assertIn("no reads of memory that was never written", result.stderr)

    def test_nothing_watched(self):
        result = driver.run(
            "uninit", "--", PROGRAM, "untouched",
            env=driver.environment(REFPAGE_OPTIONS="variant=anon"),
        )  # fmt: skip
        self.assertIn("no large block was watched in 1 process", result.stderr)
        self.assertIn("was not watched: that takes variant=refpage", result.stderr)

    def test_help(self):
        result = driver.run("uninit", "--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("--error-exitcode", result.stdout)


if __name__ == "__main__":
    unittest.main()
