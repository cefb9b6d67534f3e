# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The emulated machine: QEMU and a kernel, from start to end."""

import dataclasses
import os
import pathlib
import select
import subprocess
import time

from . import kernel_log
from .architecture import Architecture

_running = set()  # of Popen


class MachineError(Exception):
    pass


def stop_all():
    for qemu in list(_running):
        qemu.kill()


def installed_kernel(folder):
    """The kernel in an unpacked package."""
    kernels = sorted(folder.glob("boot/vmlinuz-*"))
    if not kernels:
        raise MachineError(f"no kernel in {folder}")
    return kernels[-1]


def _cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Machine:
    architecture: Architecture
    qemu: pathlib.Path  # the folder of its unpacked packages
    kernel: pathlib.Path  # the file to boot
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
        accelerator = "tcg,thread=" + ("single" if self.count_instructions else "multi")
        command = [
            # By its own dynamic linker, so that nothing of this machine's
            # libraries matters.
            str(self.qemu / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
            *("--library-path", ":".join(libraries)),
            str(self.qemu / "usr/bin" / self.architecture.qemu),
            *("-L", str(self.qemu / "usr/share/qemu")),
            *("-L", str(self.qemu / "usr/share/seabios")),
            *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *self.architecture.hardware,
            # The table that kernels without ACPI read has one CPU of a socket.
            *("-smp", f"{self.cpus},sockets={self.cpus}"),
            *("-accel", accelerator, "-m", self.memory),
            *("-kernel", str(self.kernel), "-initrd", str(self.initramfs)),
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

    def _kernel_options(self):
        return " ".join(
            [
                f"console={self.architecture.ports}0",
                "rdinit=/init",
                # No result of a kernel is worth anything after these; and a
                # panic ends QEMU, by -no-reboot.
                "panic=-1",
                "oops=panic",
                "softlockup_panic=1",
                "hung_task_panic=1",
                "sysctl.kernel.panic_on_rcu_stall=1",
                # Late enough not to bark at an emulator that has to wait for
                # its turn: a lockup is twice this, the stall is in seconds.
                "watchdog_thresh=60",
                "rcupdate.rcu_cpu_stall_timeout=120",
                "nmi_watchdog=0",
                # An emulator does not speculate.
                "mitigations=off",
                *self.architecture.kernel_options,
            ]
        )

    def interact(self):
        return subprocess.run(self.command(interactive=True)).returncode

    def run(self, seconds, talk):
        """Until it ends. talk() is given what comes by the second port and
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
        return kernel_log.trouble(self.messages())
