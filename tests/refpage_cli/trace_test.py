# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`refpage trace` runs density_program: eight blocks of 1 MiB, a quarter of each
written."""

import fcntl
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import driver

PROGRAM = driver.FOLDER / "tests/refpage_cli/density_program"
MIB = 1 << 20


def trace(*command, options="backend=memfd"):
    """The JSON, and the command's output and status."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "report"
        result = driver.run(
            "trace", "--json", f"--output={output}", "--", *command,
            env=driver.environment(REFPAGE_OPTIONS=options),
        )  # fmt: skip
        report = json.loads(output.read_text())
    driver.check("trace", report)
    return report, result


def of_1_mib(report):
    (size,) = [size for size in report["sizes"] if size["from"] == MIB]
    return size


class CountsTest(unittest.TestCase):
    def expect_eight(self, size, where):
        self.assertEqual(size[f"looked_at_{where}"], 8)
        self.assertEqual(size["histogram"], [0, 0, 8] + 8 * [0])
        # A quarter, in 64 or 65 pages, and the header's page.
        self.assertAlmostEqual(size["written"], 8 * (MIB // 4), delta=8 * 8192)
        self.assertEqual(size["front"], size["written"])
        self.assertGreater(size["bytes"], 8 * MIB)

    def test_blocks_that_are_freed(self):
        report, result = trace(PROGRAM, "free")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(report["programs"], 1)
        size = of_1_mib(report)
        self.assertEqual(size["freed"], 8)
        self.expect_eight(size, "free")

    def test_blocks_in_use_at_exit(self):
        report, _ = trace(PROGRAM, "exit")
        size = of_1_mib(report)
        self.assertEqual(size["freed"], 0)
        self.expect_eight(size, "exit")

    def test_programs_without_an_orderly_exit(self):
        for how in ("leave", "crash"):
            with self.subTest(how):
                report, _ = trace(PROGRAM, how)
                self.expect_eight(of_1_mib(report), "free")

    def test_the_child_of_a_fork(self):
        report, _ = trace(PROGRAM, "child")
        self.assertEqual(report["programs"], 1)
        self.expect_eight(of_1_mib(report), "free")

    def test_a_program_that_becomes_another(self):
        report, _ = trace(PROGRAM, "exec")
        self.assertEqual(report["programs"], 2)
        self.assertEqual(of_1_mib(report)["looked_at_free"], 16)

    def test_programs_that_are_started(self):
        report, _ = trace("sh", "-c", f"{PROGRAM} free; {PROGRAM} free")
        self.assertEqual(of_1_mib(report)["looked_at_free"], 16)

    def test_blocks_that_are_filled_are_not_known(self):
        report, _ = trace(PROGRAM, "exit", options="variant=memset")
        size = of_1_mib(report)
        self.assertEqual(size["unknown_at_exit"], 8)
        self.assertEqual(size["bytes"], 0)

    def test_what_stands_in_the_options_stays(self):
        _, result = trace(PROGRAM, "free", options="stats=1")
        self.assertIn("refpage: large blocks of density_program", result.stderr)


class ShownTest(unittest.TestCase):
    def test_the_commands_output_and_status_are_its_own(self):
        _, result = trace(PROGRAM, "exit")
        self.assertEqual(result.stdout, "its own output\n")
        self.assertEqual(result.stderr, "")
        self.assertEqual(result.returncode, 3)

    def test_a_signal_ends_as_a_shell_says(self):
        _, result = trace(PROGRAM, "crash")
        self.assertEqual(result.returncode, 134)

    def test_table_and_histogram(self):
        result = driver.run("trace", "--", PROGRAM, "free")
        self.assertRegex(result.stderr, r"\nsize from +freed +looked at +written")
        self.assertRegex(result.stderr, r"\n1\.0 MiB +8 +8 +25\.\d %")
        self.assertRegex(result.stderr, r"\n +20-30 % +#{40} 8\n")
        self.assertNotIn("\033", result.stderr)

    def test_in_terminals_of_any_width(self):
        for columns in (200, 80, 40):
            shown, status = driver.run_in_terminal(
                "trace", "--", PROGRAM, "free", columns=columns
            )
            self.assertEqual(status, 0, shown)
            for line in re.sub(r"\033\[\d*m", "", shown).splitlines():
                self.assertLessEqual(len(line), max(columns, 40), line)


class TroubleTest(unittest.TestCase):
    def test_wrong_arguments(self):
        for arguments, words in (
            ((), "no COMMAND"),
            (("--output=", "true"), "--output needs the path"),
            (("--nonsense",), "unrecognized option"),
        ):
            result = driver.run("trace", *arguments)
            self.assertEqual(result.returncode, 2)
            self.assertIn(words, result.stderr)

    def test_no_such_command(self):
        result = driver.run("trace", "--", "/no/such/command")
        self.assertEqual(result.returncode, 127)

    def test_output_that_cannot_be_written(self):
        result = driver.run("trace", "--output=/no/such/folder/file", "--", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/no/such/folder/file: No such file", result.stderr)

    def test_a_program_without_the_library(self):
        static = PROGRAM.with_name("blocks_program_static")
        result = driver.run("trace", "--", static, "none")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"in programs: [01]\n")


class OptionTest(unittest.TestCase):
    """density=FILE by itself."""

    def run_with(self, file):
        return subprocess.run(
            [str(PROGRAM), "free"],
            env=driver.environment(
                LD_PRELOAD=str(driver.LIBRARY), REFPAGE_OPTIONS=f"density={file}"
            ),
            capture_output=True,
            text=True,
            timeout=driver.TIMEOUT,
        )

    def test_other_files_are_left_alone(self):
        with tempfile.NamedTemporaryFile() as file:
            contents = b"x" * 65536
            file.write(contents)
            file.flush()
            for path in (file.name, "/no/such/file", "/dev/null", "/"):
                result = self.run_with(path)
                self.assertEqual((result.returncode, result.stderr), (0, ""), path)
            self.assertEqual(pathlib.Path(file.name).read_bytes(), contents)

    def test_memory_files_of_others_are_left_alone(self):
        file = os.memfd_create("others", os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, file)
        contents = b"x" * 65536
        os.write(file, contents)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        result = self.run_with(f"/proc/{os.getpid()}/fd/{file}")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(os.pread(file, len(contents), 0), contents)


if __name__ == "__main__":
    unittest.main()
