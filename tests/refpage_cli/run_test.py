# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`refpage run`: density_program has eight blocks of 1 MiB, a quarter of each
written."""

import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import tempfile
import termios
import unittest

import driver

PROGRAM = driver.FOLDER / "tests/refpage_cli/density_program"
STATIC = PROGRAM.with_name("blocks_program_static")
MIB = 1 << 20


def run_json(*arguments, schema="run", **options):
    """The JSON, and the command's output and status."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "report"
        result = driver.run("run", "--json", f"--output={output}", *arguments, **options)
        report = json.loads(output.read_text())
    driver.check(schema, report)
    return report, result


def backends(process):
    return {backend["name"]: backend for backend in process["backends"]}


class CommandTest(unittest.TestCase):
    """It runs as if it were alone."""

    def test_its_output_and_status_are_its_own(self):
        result = driver.run("run", "--", PROGRAM, "exit")
        self.assertEqual((result.returncode, result.stdout), (3, "its own output\n"))
        self.assertIn("density_program exit ended with status 3\n", result.stderr)

    def test_its_input_is_its_own(self):
        result = subprocess.run(
            [str(driver.PROGRAM), "run", "cat"],
            env=driver.environment(),
            input="text",
            capture_output=True,
            text=True,
        )
        self.assertEqual((result.returncode, result.stdout), (0, "text"))

    def test_all_behind_it_is_its_own(self):
        for separator in (), ("--",):
            result = driver.run("run", *separator, "echo", "--json", "[a,b]", "--", "x")
            self.assertEqual(result.stdout, "--json [a,b] -- x\n")

    def test_a_signal_ends_as_a_shell_says(self):
        report, result = run_json("--", PROGRAM, "crash")
        self.assertEqual(result.returncode, 128 + signal.SIGABRT)
        self.assertEqual(report["signal"], signal.SIGABRT)
        result = driver.run("run", "--", PROGRAM, "crash")
        self.assertIn(" ended by signal 6 (Aborted)\n", result.stderr)
        self.assertIn(" itself: a signal ended it\n", result.stderr)

    def test_that_is_not_there(self):
        result = driver.run("run", "--", "no-such-command")
        self.assertEqual(result.returncode, 127)
        self.assertEqual(
            result.stderr,
            "refpage run: cannot run 'no-such-command': No such file or directory\n",
        )

    def test_that_cannot_be_run(self):
        result = driver.run("run", "--", "/etc/passwd")
        self.assertEqual(result.returncode, 126)
        self.assertEqual(
            result.stderr, "refpage run: cannot run '/etc/passwd': Permission denied\n"
        )

    def test_signals_are_sent_on(self):
        script = 'trap "exit 7" USR1; echo ready; while :; do sleep 0.1; done'
        process = subprocess.Popen(
            [str(driver.PROGRAM), "run", "sh", "-c", script],
            env=driver.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(signal.SIGUSR1)
        process.communicate(timeout=driver.TIMEOUT)
        self.assertEqual(process.returncode, 7)

    def test_the_terminals_signals_are_not_sent_on(self):
        # It gets them by itself. They are told apart by who sent them: 128 is the
        # kernel, 0 a process.
        script = (
            "import signal\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
            "print('ready', flush=True)\n"
            "got = signal.sigtimedwait([signal.SIGINT], 60)\n"
            "while got:\n"
            "    print('code', got.si_code, flush=True)\n"
            "    got = signal.sigtimedwait([signal.SIGINT], 0.5)\n"
        )
        main, end = pty.openpty()

        def take_terminal():
            os.setsid()
            fcntl.ioctl(end, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            [str(driver.PROGRAM), "run", "python3", "-c", script],
            env=driver.environment(),
            stdin=end,
            stdout=end,
            stderr=end,
            preexec_fn=take_terminal,
        )
        os.close(end)
        shown = b""
        sent = 0
        while True:
            try:
                shown += os.read(main, 4096)
            except OSError:  # The other end was closed.
                break
            # The next when that before it was taken: pending ones would be one.
            if b"ready" in shown and sent < 5 and shown.count(b"code") >= sent:
                os.write(main, b"\x03")
                sent += 1
        os.close(main)
        self.assertEqual(process.wait(driver.TIMEOUT), 0, shown)
        self.assertIn(b"code 128\r\n", shown)
        self.assertNotIn(b"code 0\r\n", shown)

    def test_what_it_leaves_running_is_not_waited_for(self):
        result = driver.run("run", "sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!")
        os.kill(int(result.stdout), signal.SIGKILL)
        self.assertEqual(result.returncode, 0)

    def test_ignored_signals_of_children(self):
        # Inherited by the program, whose child would be lost to it.
        quiet = ["bash", "-c", 'trap "" CHLD; exec "$@"', "bash"]
        result = driver.run("run", "sh", "-c", "exit 5", before=quiet)
        self.assertEqual(result.returncode, 5, result.stderr)


class ReportTest(unittest.TestCase):
    def test_what_served_its_blocks(self):
        environment = driver.environment(REFPAGE_OPTIONS="backend=memfd:tag=off")
        report, _ = run_json("--", PROGRAM, "free", env=environment)
        self.assertEqual(report["command"], [str(PROGRAM), "free"])
        (process,) = report["processes"]
        self.assertEqual(process["pid"], report["pid"])
        self.assertEqual(process["variant"], "refpage")
        self.assertEqual(backends(process)["memfd_window"]["blocks"], 8)
        self.assertGreaterEqual(process["never_filled_bytes"], 8 * MIB)
        self.assertGreater(report["page_faults"], 8 * 64)
        shown = driver.run("run", "--", PROGRAM, "free", env=environment).stderr
        self.assertIn("\nrefpage:   memfd_window: 8 blocks, 8.0 MiB; 0 blocks ", shown)
        self.assertIn("\nrefpage:   filled 0 B; never filled 8.0 MiB\n", shown)
        self.assertIn("\nrefpage:   windows took ", shown)

    def test_variants(self):
        for variant, backend in ("memset", "memset"), ("anon", "zero"):
            with self.subTest(variant):
                report, _ = run_json(
                    f"--variant={variant}", "--options=tag=off", "--", PROGRAM, "free"
                )
                (process,) = report["processes"]
                self.assertEqual(process["variant"], variant)
                self.assertEqual(list(backends(process)), [backend])

    def test_options_of_the_environment_stay(self):
        environment = driver.environment(REFPAGE_OPTIONS="pattern=01:variant=anon")
        report, _ = run_json("--options=variant=memset", PROGRAM, "free", env=environment)
        (process,) = report["processes"]
        self.assertEqual(process["pattern"], "01" * 8)
        self.assertEqual(process["variant"], "memset")

    def test_all_its_processes(self):
        script = f"{PROGRAM} free; {PROGRAM} free"
        report, _ = run_json("sh", "-c", script)
        self.assertEqual(len(report["processes"]), 2)
        result = driver.run("run", "sh", "-c", script)
        self.assertIn("of 2 processes, 2 with large blocks:\n", result.stderr)
        self.assertIn(": 16 blocks, 16.1 MiB; ", result.stderr)

    def test_a_fallback(self):
        small = ["bash", "-c", 'ulimit -f 8 && exec "$@"', "bash"]
        environment = driver.environment(REFPAGE_OPTIONS="backend=memfd:tag=off")
        result = driver.run("run", PROGRAM, "free", before=small, env=environment)
        self.assertIn(
            "fallback: 8 blocks because no window could be made (File too large)\n",
            result.stderr,
        )

    def test_a_program_without_large_blocks(self):
        # That is linked to the library.
        result = driver.run("run", STATIC, "none")
        self.assertTrue(result.stderr.endswith("\nrefpage:   no large blocks\n"))

    def test_a_program_that_the_library_does_not_reach(self):
        without = ("env", "--unset=LD_PRELOAD", "sort", "/dev/null")
        report, result = run_json("--", *without)
        self.assertEqual((result.returncode, report["processes"]), (0, []))
        result = driver.run("run", "--", *without)
        self.assertIn(" itself: it allocated nothing, is linked ", result.stderr)

    def test_names_cannot_act_on_the_terminal(self):
        result = driver.run("run", "printf", "\033[1m")
        self.assertIn("refpage: printf ?[1m ended with status 0\n", result.stderr)
        # The same in one character, which xterm takes from UTF-8.
        result = driver.run("run", "printf", "\x9b1m\u00fc")
        self.assertIn("refpage: printf ?1m\u00fc ended with", result.stderr)

    def test_nothing_is_left(self):
        with tempfile.TemporaryDirectory() as folder:
            environment = driver.environment(TMPDIR=folder)
            for arguments in (PROGRAM, "free"), ("no-such-command",):
                driver.run("run", *arguments, env=environment)
                self.assertEqual(os.listdir(folder), [])

    def test_in_terminals_of_any_width(self):
        for columns in (200, 80, 40):
            shown, status = driver.run_in_terminal("run", "sort", "/dev/null", columns=columns)
            self.assertEqual(status, 0, shown)
            for line in driver.visible(shown):
                self.assertLessEqual(len(line), columns, line)


class LibraryTest(unittest.TestCase):
    def test_beside_the_program(self):
        environment = driver.environment()
        del environment["REFPAGE_LIBRARY"]
        prefixes = [()]
        hide = driver.without_proc()
        if hide:
            prefixes.append(hide)
        for before in prefixes:
            result = driver.run("run", PROGRAM, "free", before=before, env=environment)
            if result.returncode == 1 and "cannot find" in result.stderr:
                self.fail(result.stderr)
            self.assertIn(": 8 blocks, ", result.stderr)

    def test_that_is_not_there(self):
        result = driver.run("run", "--library=/no/such.so", "true")
        self.assertEqual(
            (result.returncode, result.stderr),
            (1, "refpage run: --library: /no/such.so: No such file or directory\n"),
        )
        environment = driver.environment(REFPAGE_LIBRARY="/no/such.so")
        result = driver.run("run", "true", env=environment)
        self.assertIn("REFPAGE_LIBRARY: /no/such.so: No such", result.stderr)

    def test_whose_path_cannot_be_preloaded(self):
        with tempfile.TemporaryDirectory(prefix="a b") as folder:
            copy = pathlib.Path(folder) / "library.so"
            copy.write_bytes(b"")
            result = driver.run("run", f"--library={copy}", "true")
            self.assertEqual(result.returncode, 1)
            self.assertIn("a path with a space or a colon: ", result.stderr)


class CompareTest(unittest.TestCase):
    def test_the_table(self):
        result = driver.run("run", "--compare", "--runs=1", "--", PROGRAM, "free")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertRegex(lines[0], r"free: medians of 1 run, and times glibc's$")
        self.assertRegex(lines[1], r"^malloc +time +CPU +faults +max RSS$")
        names = [line.split()[0] for line in lines[2:]]
        self.assertEqual(names, ["glibc", "anon", "memset", "refpage"])
        self.assertNotIn("its own output", result.stdout)

    def test_numbers(self):
        report, _ = run_json(
            "--compare", "--runs=3", "--options=tag=off:backend=memfd",
            PROGRAM, "free", schema="comparison",
        )  # fmt: skip
        results = {result["malloc"]: result for result in report["results"]}
        for result in results.values():
            self.assertEqual(len(result["all_seconds"]), 3)
            middle = sorted(result["all_seconds"])[1]
            self.assertEqual(result["seconds"], middle)
        # Six of the eight MiB are not written by the program.
        saved = results["memset"]["page_faults"] - results["refpage"]["page_faults"]
        self.assertGreater(saved, 1000)

    def test_a_command_that_fails(self):
        result = driver.run("run", "--compare", "sh", "-c", "echo why >&2; exit 4")
        self.assertEqual((result.returncode, result.stdout), (4, ""))
        self.assertEqual(
            result.stderr,
            "refpage run: 'sh' ended with status 4 (glibc); --show-output shows what "
            "it says, --ignore-failure goes on\n",
        )

    def test_its_output_can_be_shown(self):
        result = driver.run("run", "--compare", "--show-output", "sh", "-c", "echo 1; exit 4")
        self.assertTrue(result.stderr.startswith("1\nrefpage run: 'sh' ended "))

    def test_failures_can_be_ignored(self):
        result = driver.run("run", "--compare", "--runs=1", "--ignore-failure", "false")
        self.assertEqual(result.returncode, 0)
        self.assertIn("\nrefpage ", result.stdout)

    def test_an_interrupt_is_not_ignored(self):
        result = driver.run(
            "run", "--compare", "--ignore-failure", "sh", "-c", "kill -INT $$"
        )
        self.assertEqual((result.returncode, result.stdout), (130, ""))
        self.assertIn("'sh' ended by signal 2 (Interrupt) (glibc)", result.stderr)

    def test_that_is_not_there(self):
        result = driver.run("run", "--compare", "no-such-command")
        self.assertEqual(result.returncode, 127)

    def test_progress_in_a_terminal_alone(self):
        shown, status = driver.run_in_terminal("run", "--compare", "--runs=1", "true")
        self.assertEqual(status, 0, shown)
        self.assertIn("run 1 of 4: glibc", shown)
        self.assertIn("run 4 of 4: refpage", shown)
        for line in driver.visible(shown):
            self.assertNotIn("run 4 of 4", line)

    def test_in_terminals_of_any_width(self):
        for columns in (200, 80, 40):
            shown, _ = driver.run_in_terminal(
                "run", "--compare", "--runs=1", "true", columns=columns
            )
            for line in driver.visible(shown):
                self.assertLessEqual(len(line), columns, line)


class WrongArgumentsTest(unittest.TestCase):
    def test_each(self):
        for arguments, words in (
            ((), "no COMMAND"),
            (("--",), "no COMMAND"),
            (("--variant=x", "true"), "--variant takes refpage, memset or anon, not 'x'"),
            (("--variant",), "option '--variant' requires an argument"),
            (("--varint=anon", "true"), "unrecognized option '--varint=anon'"),
            (("--output=", "true"), "--output needs the path of a file"),
            (("--runs=2", "true"), "--runs, --show-output and --ignore-failure go with"),
            (("--show-output", "true"), "--runs, --show-output and --ignore-failure go"),
            (("--compare", "--runs=0", "true"), "--runs takes a number from 1 to 1000, not '0'"),
            (("--compare", "--runs=x", "true"), "--runs takes a number from 1 to 1000, not 'x'"),
            (("--compare", "--variant=anon", "true"), "--compare shows every variant"),
        ):  # fmt: skip
            with self.subTest(arguments):
                result = driver.run("run", *arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertIn(f"refpage run: {words}", result.stderr)

    def test_output_that_cannot_be_written(self):
        result = driver.run("run", "--output=/no/such/folder/file", "--", "echo", "x")
        # It is not run.
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("/no/such/folder/file: No such file", result.stderr)


if __name__ == "__main__":
    unittest.main()
