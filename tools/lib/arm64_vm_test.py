# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tests of what tells a failure in the emulated machine, without one."""

import io
import json
import pathlib
import stat
import tempfile
import unittest

from arm64_vm import cpio, testing
from arm64_vm.jobs import Dispatcher, Job, Report
from arm64_vm.machine import Machine, MachineError

XML = b"""<testsuites><testsuite>
<testcase name="Passes" classname="S" status="run"/>
<testcase name="Is" classname="S" status="run" result="skipped">
<skipped message="file.cpp:1&#x0A;no such thing here"/></testcase>
%s</testsuite></testsuites>"""
FAILURE = b'<testcase name="Fails" classname="S"><failure/></testcase>'

GOOD = b"aarch64; tags in memory files: yes\n"


def report(number, status=0, result=XML % b"", output=b"", seconds=1.0):
    return Report(number, status, seconds, 0.5, output, result, 0)


def built(*names):
    jobs = [Job(name, ("./x",), seconds=10) for name in names]
    return testing.Built(jobs, Job("report", ("./report",)), {})


class ResultsTest(unittest.TestCase):
    def results_of(self, *reports, names=("//a:t",)):
        results = testing.Results(built(*names))
        self.lines = [results.add(one) for one in reports]
        results.note_missing()
        return results

    def test_cases_are_counted_and_reasons_shown(self):
        results = self.results_of(report(0, output=GOOD), report(1))
        self.assertEqual(results.counts(), (1, 0, 1))
        self.assertIn("memory files: yes", self.lines[0])
        self.assertIn("1 skipped: no such thing here", self.lines[1])

    def test_failed_cases(self):
        results = self.results_of(report(1, 1, XML % FAILURE, b"its output"))
        self.assertEqual(results.counts(), (1, 1, 1))
        self.assertEqual(results.failures(), ["//a:t: S.Fails"])
        self.assertIn("its output", self.lines[0])

    def test_a_crash_after_the_last_case(self):
        results = self.results_of(report(1, 139))
        self.assertEqual(results.failures(), ["//a:t: exit status 139"])

    def test_an_end_without_a_result(self):
        for result in (b"", b"<testsuites>"):
            results = self.results_of(report(1, 0, result))
            self.assertEqual(
                results.failures(), ["//a:t: exit status 0, without a result"]
            )

    def test_too_late(self):
        results = self.results_of(report(1, 134, b"", seconds=10.1))
        self.assertEqual(results.failures(), ["//a:t: took too long"])

    def test_what_did_not_run(self):
        results = self.results_of(report(1), names=("//a:t", "//a:u"))
        self.assertEqual(results.failures(), ["//a:u: did not run"])

    def test_another_machine_than_the_one_to_be_tested(self):
        for status, output in ((0, b"in memory files: no\n"), (1, GOOD)):
            results = self.results_of(report(0, status, b"", output), report(1))
            self.assertEqual(results.counts()[1], 1)


class DispatcherTest(unittest.TestCase):
    def setUp(self):
        self.waiting = iter([1, 2])
        self.reports = []
        self.dispatcher = Dispatcher(
            lambda: next(self.waiting, None), self.reports.append
        )

    def say(self, data):
        return self.dispatcher.talk(data, 0.0)

    def test_a_conversation(self):
        self.assertEqual(self.say(b"@@rea"), b"")
        self.assertEqual(self.say(b"dy\n"), b"0000\n")
        self.assertEqual(self.say(b"@@report 0000 0 12 3 2 0\nout"), b"")
        self.assertEqual(self.say(b"<>"), b"0001\n")
        self.assertEqual(self.dispatcher.at_work, 1)
        self.assertEqual(self.say(b"@@report 0001 134 150 0 0 7\n"), b"0002\n")
        self.assertEqual(self.say(b"@@report 0002 0 1 0 0 0\n"), b"end\n")
        self.assertIsNone(self.dispatcher.at_work)
        self.assertEqual(self.dispatcher.rest(), b"")
        first, second, _ = self.reports
        self.assertEqual((first.output, first.result), (b"out", b"<>"))
        self.assertEqual((second.status, second.seconds), (134, 1.5))
        self.assertIn("7 bytes left out", second.text())

    def test_what_is_no_report_is_kept(self):
        self.say(b"@@ready\n")
        self.assertEqual(self.say(b"Oops"), b"")
        self.assertEqual(self.dispatcher.at_work, 0)
        self.assertEqual(self.dispatcher.rest(), b"Oops")


class MachineTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.machine = Machine(
            self.folder, self.folder, self.folder / "i", self.folder / "console"
        )

    def test_a_kernel_that_is_not_well(self):
        for line in (
            "[ 1.0] Kernel panic - not syncing: no init",
            "[ 1.0] WARNING: CPU: 0 PID: 1 at mm/memory.c:1",
            "[ 1.0] BUG: Bad page state in process x",
            "[ 1.0] Internal error: Oops: 96000004",
            "[ 1.0] Out of memory: Killed process 7 (x)",
        ):
            self.machine.console.write_text(f"[ 0.9] fine\r\n{line}\r\n")
            self.assertEqual(self.machine.trouble(), [line])

    def test_a_kernel_that_is(self):
        self.machine.console.write_text("[ 0.1] Kernel command line: panic=-1\n")
        self.assertEqual(self.machine.trouble(), [])

    def test_no_kernel(self):
        with self.assertRaises(MachineError):
            self.machine.run(1, lambda *_: b"")


class ReadBuildTest(unittest.TestCase):
    def test_shards_environment_and_places(self):
        attributes = [
            {"name": "timeout", "stringValue": "short"},
            {"name": "shard_count", "intValue": 2},
            {"name": "env", "stringDictValue": [{"key": "A", "value": "b c"}]},
            {"name": "args", "stringListValue": ["--x"]},
        ]
        rules = [
            {"target": {"rule": {"name": name, "attribute": attributes}}}
            for name in ("//a:t", "//tests/emulation:report")
        ]
        files = (
            "//a:t\tbazel-out/k8/bin/a/t\tbazel-out/k8/bin/lib.so\tsrc/data\n"
            "//tests/emulation:report\tbazel-out/k8/bin/r\n"
        )
        read = testing.read_build(json.dumps({"results": rules}), files, "/root")
        self.assertEqual(
            read.files["lib.so"], pathlib.Path("/root/bazel-out/k8/bin/lib.so")
        )
        self.assertEqual(read.files["src/data"], pathlib.Path("/root/src/data"))
        self.assertEqual(read.report.command, ("./r",))
        self.assertEqual([job.command for job in read.jobs], [("./a/t", "--x")] * 2)
        shards = [job.environment["GTEST_SHARD_INDEX"] for job in read.jobs]
        self.assertEqual(shards, ["0", "1"])
        self.assertEqual(read.jobs[0].environment["A"], "b c")


class CpioTest(unittest.TestCase):
    def entries(self, archive):
        """(name, mode, inode number, links, contents), to the trailer."""
        file = io.BytesIO()
        archive.write(file)
        data, at, found = file.getvalue(), 0, []
        while True:
            self.assertEqual(data[at : at + 6], b"070701")
            fields = [int(data[at + 6 + 8 * i :][:8], 16) for i in range(13)]
            end = at + 110 + fields[11]
            name = data[at + 110 : end - 1].decode()
            if name == "TRAILER!!!":
                return found
            start = -(-end // 4) * 4
            contents = data[start : start + fields[6]]
            found.append((name, fields[1], fields[0], fields[4], contents))
            at = -(-(start + fields[6]) // 4) * 4

    def test_equal_files_are_links_of_one(self):
        archive = cpio.Archive()
        archive.add("a/one", b"same", 0o755)
        archive.add("a/two", b"same", 0o755)
        archive.add("other", b"other")
        archive.add_link("link", "a/one")
        found = {entry[0]: entry for entry in self.entries(archive)}
        self.assertEqual(found["a"][1], stat.S_IFDIR | 0o755)
        self.assertEqual(found["a/one"][2], found["a/two"][2])
        self.assertEqual(found["a/one"][3:], (2, b"same"))
        self.assertEqual(found["a/two"][3:], (2, b""))
        self.assertEqual(found["other"][3:], (1, b"other"))
        self.assertEqual(found["link"][4], b"a/one")


if __name__ == "__main__":
    unittest.main()
