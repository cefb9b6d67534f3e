# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`refpage probe`: what this machine offers, with and without what it needs."""

import os
import shutil
import subprocess
import tempfile
import unittest

import driver

BACKENDS = [
    "syscall", "device", "device_unaccounted", "device_fresh", "memfd_window",
    "memset", "tag_store", "dense_fill", "zero",
]  # fmt: skip
MIB = 1 << 20


def probe(**options):
    report = driver.run_json("probe", **options)
    return report, {backend["name"]: backend for backend in report["backends"]}


class ProbeTest(unittest.TestCase):
    def test_every_backend_works_or_has_a_reason(self):
        report, backends = probe()
        self.assertEqual(list(backends), BACKENDS)
        self.assertEqual(report["block_bytes"], MIB)
        for name in "memset", "dense_fill", "zero":
            self.assertTrue(backends[name]["works"])
        for name in "syscall", "device":
            if not backends[name]["works"]:
                self.assertNotEqual(backends[name]["remedy"], "", name)

    def test_what_blocks_are_made_of(self):
        _, backends = probe()
        self.assertEqual(backends["memset"]["filled_bytes"], MIB)
        self.assertEqual(backends["zero"]["filled_bytes"], 0)
        self.assertEqual(backends["zero"]["mappings"], 1)
        window = backends["memfd_window"]
        if window["works"]:
            self.assertEqual(window["filled_bytes"], 0)
            self.assertGreaterEqual(window["window_bytes"], 64 << 10)

    def test_what_works_was_timed(self):
        _, backends = probe()
        for backend in backends.values():
            for name, value in backend.items():
                if name.endswith("_seconds"):
                    self.assertGreater(value, 0, backend)

    def test_choices_are_of_the_options(self):
        for options, unknown, reason in (
            ("backend=memset", "memset", "the options ask for it"),
            ("variant=memset", "memset", "the options ask for it"),
            ("variant=anon", "zero", "zeros were asked for, or no contents"),
        ):
            with self.subTest(options):
                environment = driver.environment(REFPAGE_OPTIONS=f"tag=off:{options}")
                report, _ = probe(env=environment)
                choice = report["choices"][0]
                self.assertEqual(choice["use"], "not known")
                self.assertEqual(choice["backend"], unknown)
                self.assertEqual(choice["reason"], reason)
        shown = driver.run("probe", env=environment).stdout
        self.assertIn("choose with REFPAGE_OPTIONS=tag=off:variant=anon:\n", shown)

    def test_a_wrong_option_is_named(self):
        result = driver.run("probe", env=driver.environment(REFPAGE_OPTIONS="x=1"))
        self.assertEqual(result.returncode, 0)
        self.assertEqual(
            result.stderr,
            "refpage: REFPAGE_OPTIONS: unknown option 'x', ignored; help=1 prints all\n",
        )


class LimitedTest(unittest.TestCase):
    def test_no_room_for_files(self):
        # Blocks of 1024 bytes; its output goes to a pipe.
        small = ["bash", "-c", 'ulimit -f 8 && exec "$@"', "bash"]
        report, backends = probe(before=small)
        window = backends["memfd_window"]
        self.assertFalse(window["works"])
        self.assertEqual(window["reason"], "File too large")
        self.assertIn("ulimit -f", window["remedy"])
        self.assertEqual(report["machine"]["max_file_bytes"], 8 << 10)
        if not backends["syscall"]["works"] and not backends["device"]["works"]:
            choice = report["choices"][0]
            self.assertEqual(choice["backend"], "memset")
            self.assertEqual(choice["reason"], "no window could be made")
            self.assertEqual(choice["error"], "File too large")

    def test_without_proc(self):
        hide = driver.without_proc()
        if not hide:
            self.skipTest("this machine lets nobody hide /proc")
        report, backends = probe(before=hide)
        self.assertTrue(backends["memset"]["works"])
        self.assertFalse(backends["device"]["works"])
        machine = report["machine"]
        self.assertFalse(machine["pagemap"])
        self.assertTrue(machine["seccomp_filter"])
        self.assertIsNone(machine["max_map_count"])
        shown = driver.run("probe", before=hide).stdout
        self.assertIn("not readable (no /proc?)", shown)

    def test_as_nobody(self):
        if os.getuid() != 0:
            self.skipTest("only root can become nobody")
        # Where anybody may run it from.
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            program = shutil.copy(driver.PROGRAM, folder)
            result = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
                + [program, "probe"],
                env=driver.environment(),
                capture_output=True,
                text=True,
                timeout=driver.TIMEOUT,
            )
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("What the allocator would choose:\n", result.stdout)


class ShownTest(unittest.TestCase):
    def test_in_a_pipe_lines_are_whole(self):
        result = driver.run("probe")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertNotIn("\033", result.stdout)
        self.assertRegex(result.stdout, r"\nbackend +untouched +1 % +all ")
        self.assertRegex(result.stdout, r"\nmemset( +[\d.]+ [mu]?s){4} +1 +1\.0 MiB ")
        self.assertRegex(result.stdout, r"\nkernel +Linux ")

    def test_in_terminals_of_any_width(self):
        for columns in (200, 80, 40):
            with self.subTest(columns=columns):
                shown, status = driver.run_in_terminal("probe", columns=columns)
                self.assertEqual(status, 0, shown)
                self.assertIn("\033[1m", shown if columns > 80 else shown + "\033[1m")
                for line in driver.visible(shown):
                    self.assertLessEqual(len(line), columns, line)

    def test_columns_in_a_pipe(self):
        shown = driver.run("probe", env=driver.environment(COLUMNS="60")).stdout
        self.assertLessEqual(max(map(len, shown.split("\n"))), 60)

    def test_a_pipe_that_is_too_narrow_for_a_table(self):
        shown = driver.run("probe", env=driver.environment(COLUMNS="30")).stdout
        self.assertIn("\nbackend: memset\nuntouched: ", shown)
        self.assertNotRegex(shown, r"(?m)^:")

    def test_no_bold_face_where_it_is_not_wanted(self):
        for more in {"NO_COLOR": "1"}, {"TERM": "dumb"}:
            with self.subTest(more):
                shown, _ = driver.run_in_terminal(
                    "probe", columns=200, env=driver.environment(**more)
                )
                self.assertNotIn("\033", shown)

    def test_wrong_arguments(self):
        for arguments, words in (
            (("extra",), "it takes no arguments, such as 'extra'"),
            (("--nonsense",), "unrecognized option '--nonsense'"),
            (("--library=x",), "unrecognized option '--library=x'"),
            (("--json=1",), "option '--json' doesn't allow an argument"),
        ):
            with self.subTest(arguments):
                result = driver.run("probe", *arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertIn(f"refpage probe: {words}", result.stderr)

    def test_a_full_disk(self):
        result = driver.run_on_a_full_disk("probe", "--json")
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot write: No space left", result.stderr)


if __name__ == "__main__":
    unittest.main()
