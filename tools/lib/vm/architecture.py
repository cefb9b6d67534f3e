# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What differs between the machines."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Architecture:
    name: str
    libraries: str  # Debian's name of the folder that they are in
    qemu: str  # the program
    hardware: tuple  # its options
    ports: str  # the first is the console: the name without a number
    kernel_options: tuple
    expected: str  # in what the machine says of itself


ARCHITECTURES = {
    it.name: it
    for it in (
        Architecture(
            name="arm64",
            libraries="aarch64-linux-gnu",
            qemu="qemu-system-aarch64",
            hardware=("-machine", "virt,mte=on,gic-version=3", "-cpu", "max"),
            ports="ttyAMA",
            kernel_options=(),
            # Else what is tested is another machine than the one this is for.
            expected="in memory files: yes",
        ),
        Architecture(
            name="x86-64",
            libraries="x86_64-linux-gnu",
            qemu="qemu-system-x86_64",
            # With these two, the kernel clears and copies pages by `rep stosb`
            # and `rep movsb`, which QEMU does a byte at a time. Of the family
            # that QEMU's is of by itself, the kernel thinks that it should not
            # use `rep` at all, as it does on every processor since.
            hardware=("-machine", "pc", "-cpu", "max,-erms,-fsrm,family=23"),
            ports="ttyS",
            kernel_options=(
                # A triple fault: kernels without ACPI and PCI end so, too.
                "reboot=triple",
                # An emulator that waits for its turn keeps no time: the checks
                # would panic, or change clocks.
                "no_timer_check",
                "tsc=reliable",
            ),
            expected="x86_64, Linux",
        ),
    )
}
