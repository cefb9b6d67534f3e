# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The emulated machine: QEMU and a kernel, from start to power off."""

import dataclasses
import os
import pathlib
import re
import select
import subprocess
import time

# A test that such a line comes with may have passed all the same.
_KERNEL_TROUBLE = re.compile(
    r"Oops|BUG:|WARNING:|Kernel panic|Internal error|Call trace|Bad page"
    r"|Unable to handle kernel|Out of memory|invoked oom-killer"
)


_running = set()  # of Popen


class MachineError(Exception):
    pass


def stop_all():
    for qemu in list(_running):
        qemu.kill()


def _cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Machine:
    qemu: pathlib.Path  # folders of unpacked packages
    kernel: pathlib.Path
    initramfs: pathlib.Path
    console: pathlib.Path  # the kernel's messages; written here
    cpus: int = 2
    memory: str = "4G"
    count_instructions: bool = False

    def command(self, interactive=False):
        libraries = [
            str(self.qemu / folder / "x86_64-linux-gnu")
            for folder in ("usr/lib", "lib")
        ]
        kernels = sorted(self.kernel.glob("boot/vmlinuz-*"))
        if not kernels:
            raise MachineError(f"no kernel in {self.kernel}")
        accelerator = "tcg,thread=" + ("single" if self.count_instructions else "multi")
        command = [
            # By its own dynamic linker, so that nothing of this machine's
            # libraries matters.
            str(self.qemu / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
            *("--library-path", ":".join(libraries)),
            str(self.qemu / "usr/bin/qemu-system-aarch64"),
            *("-L", str(self.qemu / "usr/share/qemu")),
            *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-machine", "virt,mte=on,gic-version=3", "-cpu", "max"),
            *("-accel", accelerator, "-smp", str(self.cpus), "-m", self.memory),
            *("-kernel", str(kernels[-1]), "-initrd", str(self.initramfs)),
            *("-append", self._kernel_options()),
        ]
        if self.count_instructions:
            # One nanosecond of the machine's time each.
            command += ["-icount", "shift=0,sleep=off"]
        if interactive:
            command += ["-serial", "mon:stdio", "-serial", "null"]
        else:
            command += ["-serial", f"file:{self.console}"]
            command += ["-chardev", "stdio,id=reports,signal=off"]
            command += ["-serial", "chardev:reports"]
        return command

    @staticmethod
    def _kernel_options():
        return " ".join(
            [
                "console=ttyAMA0",
                "rdinit=/init",
                # A panic ends QEMU, by -no-reboot.
                "panic=-1",
                # They bark at an emulator that has to wait for its turn.
                "nowatchdog",
                "rcupdate.rcu_cpu_stall_suppress=1",
            ]
        )

    def interact(self):
        return subprocess.run(self.command(interactive=True)).returncode

    def run(self, seconds, talk):
        """Until power off. talk() is given what comes by the second port and
        the CPU time that QEMU took, and gives what to send there, if anything.
        """
        deadline = time.monotonic() + seconds
        self.console.write_bytes(b"")
        with subprocess.Popen(
            self.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as qemu:
            _running.add(qemu)
            try:
                while (left := deadline - time.monotonic()) > 0:
                    ready, _, _ = select.select([qemu.stdout], [], [], left)
                    data = os.read(qemu.stdout.fileno(), 1 << 16) if ready else b""
                    if ready and not data:
                        break
                    if answer := talk(data, _cpu_seconds(qemu.pid)):
                        os.write(qemu.stdin.fileno(), answer)
                else:
                    raise MachineError(f"not done after {seconds} s")
                complaint = qemu.stderr.read().decode(errors="replace").strip()
                if qemu.wait() != 0:
                    raise MachineError(f"QEMU failed: {complaint}")
            finally:
                qemu.kill()
                _running.discard(qemu)

    def messages(self):
        try:
            return self.console.read_text(errors="replace").replace("\r", "")
        except OSError:
            return ""

    def trouble(self):
        """Lines by which the kernel says that it is not well."""
        return [
            line for line in self.messages().splitlines() if _KERNEL_TROUBLE.search(line)
        ]
