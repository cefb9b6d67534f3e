# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`refpage report` looks at blocks_program, which says what its malloc says."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import driver

HERE = driver.FOLDER / "tests/refpage_cli"
CLEAN = ("clean_untouched", "clean_read")
OWN = ("written", "filled", "shared")


class Watched:
    """blocks_program while it waits, and what it said."""

    def __init__(self, *arguments, options="", name="blocks_program", preload=True):
        more = {"LD_PRELOAD": str(driver.LIBRARY)} if preload else {}
        self.process = subprocess.Popen(
            [str(HERE / name), *arguments],
            env=driver.environment(REFPAGE_OPTIONS=options, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        self.said = {}
        self.asked = 0  # In large blocks, by malloc_info().
        for line in self.process.stdout:
            if line == "ready\n":
                break
            if size := re.match(r'<alloc size="(\d+)" count="(\d+)"/>', line):
                if int(size[1]) >= 200000:
                    self.asked += int(size[1]) * int(size[2])
            elif number := re.match(r"(\w+) (\d+)$", line):
                self.said[number[1]] = int(number[2])

    def end(self):
        self.process.stdin.close()
        self.process.wait(driver.TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(driver.TIMEOUT)


def by_backend(report):
    return {row["name"]: row for row in report["backends"]}


class NumbersTest(unittest.TestCase):
    def expect_consistent(self, report):
        total = report["total"]
        for use in (total, report["kept"], *report["sizes"], *report["backends"]):
            parts = sum(use[name] for name in (*CLEAN, *OWN, "swapped"))
            self.assertEqual(use["bytes"], parts, use)
        for rows in (report["sizes"], report["backends"]):
            for name, value in total.items():
                self.assertEqual(sum(row[name] for row in rows), value, name)

    def expect_as_said(self, watched):
        report = driver.run_json("report", watched.pid)
        self.expect_consistent(report)
        self.assertEqual(report["boundaries"], "headers")
        self.assertTrue(report["complete"])
        total = report["total"]
        self.assertEqual(total["blocks"], watched.said["live_blocks"])
        self.assertEqual(total["bytes"], watched.said["live_bytes"])
        self.assertEqual(total["asked"], watched.asked)
        return report

    def expect_resident_as_accounted(self, report):
        """Pages that the kernel counts: all but those of zeros. A page on its way
        between two frames counts, and looks like one in swap."""
        total = report["total"]
        zeros = by_backend(report).get("zero", {"clean_read": 0})["clean_read"]
        there = sum(total[name] for name in OWN) + total["clean_read"] - zeros
        resident = report["accounted"]["resident"]
        self.assertGreaterEqual(resident, there)
        self.assertLessEqual(resident, there + total["swapped"])

    def test_are_those_of_malloc_info(self):
        with Watched() as watched:
            report = self.expect_as_said(watched)
            self.expect_resident_as_accounted(report)

    def test_kept_blocks_are_seen(self):
        with Watched(options="backend=memfd") as watched:
            kept = driver.run_json("report", watched.pid)["kept"]
            # Neighbours look like one, with the guard pages between them.
            self.assertIn(kept["blocks"], range(2, watched.said["kept_blocks"] + 1))
            more = kept["bytes"] - watched.said["kept_bytes"]
            self.assertIn(more, range(0, 4096 * 4 * watched.said["kept_blocks"]))

    def test_with_other_backends(self):
        for options, backend in (
            ("backend=memfd:window_max=64K", "memfd_window"),
            ("backend=memset", "memset"),
            ("variant=memset", "memset"),
            ("variant=anon", "zero"),
            ("cache_max=0", "memfd_window"),
            ("protect_from=0", "memfd_window"),
        ):
            with self.subTest(options), Watched(options=options) as watched:
                report = self.expect_as_said(watched)
                self.expect_resident_as_accounted(report)
                self.assertGreaterEqual(by_backend(report)[backend]["blocks"], 7)

    def test_in_programs_that_are_linked_statically(self):
        for name in ("blocks_program_static", "blocks_program_linked"):
            with self.subTest(name), Watched(name=name, preload=False) as watched:
                self.expect_as_said(watched)

    def test_filled_blocks_are_filled(self):
        with Watched(options="variant=memset") as watched:
            report = driver.run_json("report", watched.pid)
            memset = by_backend(report)["memset"]
            self.assertEqual(memset["filled"], memset["bytes"])
            self.assertEqual(report["memset"]["bytes"], 0)

    def test_what_is_saved_are_the_clean_pages_of_windows(self):
        with Watched(options="backend=memfd") as watched:
            report = driver.run_json("report", watched.pid)
            windows = by_backend(report)["memfd_window"]
            saved = sum(windows[name] for name in CLEAN)
            self.assertEqual(report["memset"]["bytes"], saved)
            # 64 MiB of which a page in each was written, 6 MiB untouched.
            self.assertGreater(saved, 69 << 20)

    def test_windows_take_what_statistics_say(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            with Watched(options=f"stats=1:log={log}") as watched:
                windows = driver.run_json("report", watched.pid)["windows"]
                watched.end()
            said = re.search(r"(\d+) now, taking ([\d.]+) (.iB)", log.read_text())
            unit = {"KiB": 1 << 10, "MiB": 1 << 20}[said[3]]
            self.assertEqual(len(windows), int(said[1]))
            memory = sum(window["memory"] for window in windows)
            self.assertAlmostEqual(memory / unit, float(said[2]), delta=0.1)

    def test_pages_of_a_fork_are_shared(self):
        with Watched("fork", options="backend=memfd") as watched:
            report = self.expect_as_said(watched)
            total = report["total"]
            self.assertGreater(total["shared"], 5 << 20)
            self.assertLess(total["written"], total["shared"] / 9)

    def test_to_look_changes_nothing(self):
        with Watched() as watched:
            first = driver.run_json("report", watched.pid)
            again = driver.run_json("report", watched.pid)
            for changing in ("memset",):
                del first[changing], again[changing]
            self.assertEqual(first, again)

    def test_of_a_process_that_goes_on_allocating(self):
        with Watched("churn") as watched:
            for _ in range(10):
                self.expect_consistent(driver.run_json("report", watched.pid))

    def test_without_its_memory_windows_are_seen(self):
        with Watched(options="backend=memfd") as watched:
            known = driver.run_json("report", watched.pid)
            guessed = driver.run_json("report", "--maps-only", watched.pid)
            self.assertEqual(guessed["boundaries"], "mappings")
            self.assertFalse(guessed["complete"])
            self.assertEqual(guessed["total"]["asked"], 0)
            # A kept block that is accessible looks like one in use.
            both = known["kept"]["bytes"] + by_backend(known)["memfd_window"]["bytes"]
            self.assertEqual(
                guessed["kept"]["bytes"] + guessed["total"]["bytes"], both
            )


class ShownTest(unittest.TestCase):
    def test_in_terminals_of_any_width(self):
        with Watched("fork") as watched:
            for columns in (200, 80, 40):
                shown, status = driver.run_in_terminal(
                    "report", watched.pid, columns=columns
                )
                self.assertEqual(status, 0, shown)
                self.assertIn("memfd_window", shown)
                for line in re.sub(r"\033\[\d*m", "", shown).splitlines():
                    self.assertLessEqual(len(line), columns, line)

    def test_in_a_pipe_without_escapes(self):
        with Watched() as watched:
            result = driver.run("report", watched.pid)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertNotIn("\033", result.stdout)
            self.assertRegex(result.stdout, r"^blocks_program \(pid \d+\): large ")
            self.assertRegex(result.stdout, r"\nsize from +blocks +bytes +clean +wr")
            self.assertRegex(result.stdout, r"\n64\.0 MiB +1 ")

    def test_watching_redraws_a_terminal_until_the_process_exits(self):
        with Watched() as watched:

            def end_after_two(shown):
                if shown.count("\033[H\033[2J") == 2:
                    watched.process.kill()

            shown, status = driver.run_in_terminal(
                "report", "--watch=1", watched.pid, see=end_after_two
            )
            self.assertEqual(status, 0, shown)
            self.assertIn(f"process {watched.pid} has exited", shown)

    def test_watching_appends_to_a_pipe(self):
        with Watched() as watched:
            watching = subprocess.Popen(
                [str(driver.PROGRAM), "report", "--watch=1", str(watched.pid)],
                env=driver.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            seen = 0
            for line in watching.stdout:
                self.assertNotIn("\033", line)
                seen += bool(re.match(r"\d\d:\d\d:\d\d  blocks_program \(pid", line))
                if seen == 2:
                    watched.end()
                    break
            _, complaint = watching.communicate(timeout=driver.TIMEOUT)
            self.assertEqual(watching.returncode, 0)
            self.assertIn("has exited", complaint)

    def test_of_a_program_without_large_blocks(self):
        with Watched("none") as watched:
            result = driver.run("report", watched.pid)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("large blocks in use: 0", result.stdout)

    def test_of_a_static_program_without_large_blocks(self):
        with Watched("none", name="blocks_program_static", preload=False) as watched:
            result = driver.run("report", watched.pid)
            self.assertEqual(result.returncode, 0, result.stderr)


class TroubleTest(unittest.TestCase):
    def expect(self, status, words, *arguments, **options):
        result = driver.run("report", *arguments, **options)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertIn(words, result.stderr)
        self.assertEqual(result.stdout, "")

    def test_wrong_arguments(self):
        self.expect(2, "Its PID is missing")
        self.expect(2, "from 1 to 2147483647, not 'init'", "init")
        self.expect(2, "one process at a time, not '2' too", "1", "2")
        self.expect(2, "--watch takes a number from 1", "--watch=0", "1")

    def test_no_such_process(self):
        child = subprocess.Popen(["true"])
        child.wait()
        self.expect(3, f"there is no process {child.pid}", child.pid)

    def test_a_zombie(self):
        child = subprocess.Popen(["true"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        self.expect(3, "it has exited, or is the kernel's", child.pid)
        child.wait()

    def test_a_program_with_another_malloc(self):
        with Watched("none", preload=False) as watched:
            self.expect(5, "(blocks_program) does not use the allocator", watched.pid)

    def test_no_permission(self):
        if os.getuid() != 0:
            if os.stat("/proc/1").st_uid == os.getuid():
                self.skipTest("process 1 is this user's own, as in containers")
            self.expect(4, "no permission to look into process 1", 1)
            return
        # Where anybody may run it from.
        with tempfile.TemporaryDirectory() as folder, Watched() as watched:
            os.chmod(folder, 0o755)
            program = shutil.copy(driver.PROGRAM, folder)
            result = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
                + [program, "report", str(watched.pid)],
                env=driver.environment(),
                capture_output=True,
                text=True,
                timeout=driver.TIMEOUT,
            )
            self.assertEqual(result.returncode, 4, result.stderr)
            self.assertIn("no permission to look into", result.stderr)

    def test_without_proc(self):
        hide = driver.without_proc()
        if not hide:
            self.skipTest("this machine lets nobody hide /proc")
        self.expect(1, "there is no /proc", 1, before=hide)

    def test_a_full_disk(self):
        with Watched() as watched:
            result = driver.run_on_a_full_disk("report", watched.pid)
            self.assertEqual(result.returncode, 1)
            self.assertIn("cannot write: No space left", result.stderr)


if __name__ == "__main__":
    unittest.main()
