# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tests of the emulated machine's parts, without one."""

import io
import json
import lzma
import pathlib
import stat
import tempfile
import unittest

from vm import cpio, image, testing
from vm.architecture import ARCHITECTURES
from vm.jobs import Dispatcher, Job, Report
from vm.kernel_log import trouble
from vm.machine import Machine, MachineError, installed_kernel

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
    report_job = Job("report", ("./report",))
    return testing.Built(jobs, report_job, {}, "tags in memory files: yes")


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


class KernelLogTest(unittest.TestCase):
    # As kernels with the checks in question print them.
    TROUBLE = (
        "[ 1.0] WARNING: CPU: 0 PID: 1 at mm/memory.c:1 x+0x1/0x2 [refpage]",
        "[ 1.0] WARNING: possible circular locking dependency detected",
        "[ 1.0] WARNING: suspicious RCU usage",
        "[ 1.0] WARNING: inconsistent lock state",
        "[ 1.0] DEBUG_LOCKS_WARN_ON(1)\n[ 1.0] WARNING: CPU: 0 PID: 7 at k.c:1",
        "[ 1.0] BUG: Bad page state in process x  pfn:1",
        "[ 1.0] BUG: Bad page map in process x  pte:1 pmd:1",
        "[ 1.0] BUG: Bad rss-counter state mm:0 type:MM_ANONPAGES val:1",
        "[ 1.0] BUG: sleeping function called from invalid context at mm/slab.h:1",
        "[ 1.0] BUG: scheduling while atomic: x/7/0x00000002",
        "[ 1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "[ 1.0] BUG: KASAN: slab-use-after-free in x+0x1/0x2 [refpage]",
        "[ 1.0] BUG: KCSAN: data-race in x / y",
        "[ 1.0] BUG: KFENCE: use-after-free read in x+0x1/0x2",
        "[ 1.0] watchdog: BUG: soft lockup - CPU#0 stuck for 134s! [x:7]",
        "[ 1.0] kernel BUG at mm/memory.c:1!",
        "[ 1.0] UBSAN: array-index-out-of-bounds in mm/memory.c:1:2",
        "[ 1.0] refcount_t: underflow; use-after-free.",
        "[ 1.0] list_del corruption. next->prev should be 1, but was 2.",
        "[ 1.0] page dumped because: nonzero mapcount",
        "[ 1.0] x: page allocation failure: order:4, mode:0x1(GFP_KERNEL)",
        "[ 1.0] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug)",
        "[ 1.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "[ 1.0] rcu: INFO: rcu_sched self-detected stall on CPU",
        "[ 1.0] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: {",
        "[ 1.0] INFO: task x:7 blocked for more than 120 seconds.",
        "[ 1.0] Unable to handle kernel paging request at virtual address 1",
        "[ 1.0] Internal error: Oops: 96000004",
        "[ 1.0] Oops: 0002 [#1] PREEMPT SMP NOPTI",
        "[ 1.0] general protection fault, probably for non-canonical address 0x1",
        "[ 1.0] Kernel panic - not syncing: no init",
        "[ 1.0] ------------[ cut here ]------------",
        "[ 1.0] Call Trace:",
        "[ 1.0] Call trace:",
        "[ 1.0] Out of memory: Killed process 7 (x)",
        "[ 1.0] Memory cgroup out of memory: Killed process 7 (x)",
        "vm: cannot load refpage.ko",
    )
    FINE = (
        "[ 0.1] Kernel command line: panic=-1 oops=panic hung_task_panic=1"
        " rcupdate.rcu_cpu_stall_timeout=120",
        "[ 0.1] \tRCU CPU stall warnings timeout set to 120 (rcu_cpu_stall_timeout).",
        "[ 1.0] refpage: loading out-of-tree module taints kernel.",
        "[ 1.0] refpage: module verification failed: signature and/or required key"
        " missing - tainting kernel",
        # Programs of tests that want it.
        "[ 1.0] x[7]: segfault at 0 ip 000055 sp 00007f error 4 in x[55+1] on CPU 0",
        "[ 1.0] traps: x[7] general protection fault ip:55 sp:7f error:0 in x[55+1]",
    )

    def test_a_kernel_that_is_not_well(self):
        for lines in self.TROUBLE:
            found = trouble(f"[ 0.9] fine\n{lines}\n[ 1.1] fine\n")
            self.assertEqual(found, [lines.splitlines()[-1]], lines)

    def test_a_kernel_that_is(self):
        self.assertEqual(trouble("\n".join(self.FINE)), [])


class MachineTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def machine(self, architecture="x86-64", **more):
        return Machine(
            ARCHITECTURES[architecture],
            self.folder / "qemu",
            self.folder / "kernel",
            self.folder / "initramfs",
            self.folder / "console",
            **more,
        )

    def test_messages_are_read_from_the_console(self):
        machine = self.machine()
        self.assertEqual(machine.trouble(), [])
        machine.console.write_text("[ 0.9] fine\r\n[ 1.0] BUG: x\r\n")
        self.assertEqual(machine.trouble(), ["[ 1.0] BUG: x"])

    def test_what_differs_between_architectures(self):
        for name, program, console in (
            ("arm64", "qemu-system-aarch64", "console=ttyAMA0 "),
            ("x86-64", "qemu-system-x86_64", "console=ttyS0 "),
        ):
            command = self.machine(name).command()
            self.assertIn(str(self.folder / "qemu/usr/bin" / program), command)
            self.assertIn(console, command[command.index("-append") + 1])
            # A kernel that panics has to end it.
            self.assertIn("-no-reboot", command)

    def test_the_clock_that_counts_instructions(self):
        self.assertNotIn("-icount", self.machine().command())
        command = self.machine(count_instructions=True).command()
        self.assertIn("-icount", command)
        self.assertIn("tcg,thread=single", command)

    def test_no_kernel(self):
        with self.assertRaises(MachineError):
            installed_kernel(self.folder)

    def test_the_kernel_of_a_package(self):
        kernel = self.folder / "boot/vmlinuz-6.1"
        kernel.parent.mkdir()
        kernel.touch()
        self.assertEqual(installed_kernel(self.folder), kernel)


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
        read = testing.read_build(json.dumps({"results": rules}), files, "/root", "x")
        self.assertEqual(
            read.files["lib.so"], pathlib.Path("/root/bazel-out/k8/bin/lib.so")
        )
        self.assertEqual(read.files["src/data"], pathlib.Path("/root/src/data"))
        self.assertEqual(read.report.command, ("./r",))
        self.assertEqual([job.command for job in read.jobs], [("./a/t", "--x")] * 2)
        shards = [job.environment["GTEST_SHARD_INDEX"] for job in read.jobs]
        self.assertEqual(shards, ["0", "1"])
        self.assertEqual(read.jobs[0].environment["A"], "b c")


def entries(archive):
    """(name, mode, inode number, links, contents), to the trailer."""
    at, found = 0, []
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i :][:8], 16) for i in range(13)]
        end = at + 110 + fields[11]
        name = archive[at + 110 : end - 1].decode()
        if name == "TRAILER!!!":
            return found
        start = -(-end // 4) * 4
        contents = archive[start : start + fields[6]]
        found.append((name, fields[1], fields[0], fields[4], contents))
        at = -(-(start + fields[6]) // 4) * 4


class ImageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def add(self, name, contents=b""):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)
        return path

    def image(self, kernel=None, modules=(), todo=(), settings=()):
        path = self.folder / "initramfs"
        image.write(
            path,
            ARCHITECTURES["x86-64"],
            self.folder / "root",
            kernel,
            modules,
            {},
            todo,
            dict(settings),
        )
        return {name: contents for name, _, _, _, contents in entries(path.read_bytes())}

    def test_modules_are_loaded_in_their_order_with_their_parameters(self):
        modules = [
            [str(self.add("b.ko", b"first")), "x=1", "y=a;b"],
            [str(self.add("a.ko.xz", lzma.compress(b"second")))],
        ]
        found = self.image(modules=modules)
        self.assertEqual(found["vm/modules/b.ko"], b"first")
        self.assertEqual(found["vm/modules/a.ko"], b"second")
        self.assertEqual(
            found["vm/load.sh"].decode().splitlines(),
            [
                "insmod /vm/modules/b.ko x=1 'y=a;b' || cannot load b.ko",
                "insmod /vm/modules/a.ko || cannot load a.ko",
            ],
        )

    def test_compressed_modules_are_unpacked(self):
        zram = "lib/modules/6.1/kernel/drivers/block/zram/zram.ko"
        self.add(f"kernel/{zram}.xz", lzma.compress(b"zram"))
        found = self.image(kernel=self.folder / "kernel")
        self.assertEqual(found[zram], b"zram")

    def test_conversions_of_the_library_are_left_out(self):
        self.add("root/usr/lib/x86_64-linux-gnu/libc.so.6")
        self.add("root/usr/lib/x86_64-linux-gnu/gconv/x.so")
        found = self.image()
        self.assertIn("usr/lib/x86_64-linux-gnu/libc.so.6", found)
        self.assertNotIn("usr/lib/x86_64-linux-gnu/gconv/x.so", found)

    def test_jobs_and_settings(self):
        job = Job("//a:t", ("./t", "a b"), {"A": "$x"}, 7)
        found = self.image(todo=[job], settings={"user": "root"})
        self.assertEqual(found["vm/settings"], b"user=root\n")
        self.assertEqual(found["vm/jobs/0000/seconds"], b"7\n")
        run = found["vm/jobs/0000/run"].decode()
        self.assertEqual(run, "export A='$x'\nexec ./t 'a b'\n")


class CpioTest(unittest.TestCase):
    def test_equal_files_are_links_of_one(self):
        archive = cpio.Archive()
        archive.add("a/one", b"same", 0o755)
        archive.add("a/two", b"same", 0o755)
        archive.add("other", b"other")
        archive.add_link("link", "a/one")
        file = io.BytesIO()
        archive.write(file)
        found = {entry[0]: entry for entry in entries(file.getvalue())}
        self.assertEqual(found["a"][1], stat.S_IFDIR | 0o755)
        self.assertEqual(found["a/one"][2], found["a/two"][2])
        self.assertEqual(found["a/one"][3:], (2, b"same"))
        self.assertEqual(found["a/two"][3:], (2, b""))
        self.assertEqual(found["other"][3:], (1, b"other"))
        self.assertEqual(found["link"][4], b"a/one")


if __name__ == "__main__":
    unittest.main()
