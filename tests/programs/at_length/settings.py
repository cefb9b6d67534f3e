# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The allocators that the programs run on."""

import dataclasses

# What the others are compared with. The C library is preloaded too: it changes
# nothing in a program that uses it, but Debian's redis is linked with jemalloc.
REFERENCE = "glibc"
SUBJECT = "refpage"

# Freed large blocks of every size are inaccessible, small ones are used again
# late, and `free` for what `new` gave is fatal.
HARDENED = {
    "REFPAGE_OPTIONS": "protect_from=0",
    "SCUDO_OPTIONS": "quarantine_size_kb=4096:thread_local_quarantine_size_kb=256"
    ":quarantine_max_chunk_size=2048:dealloc_type_mismatch=true",
}


@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    library: str
    options: dict = dataclasses.field(default_factory=dict)
    # Its differences are failures of ours; those of others are only shown.
    is_ours: bool = False

    def environment(self):
        return {"LD_PRELOAD": self.library, **self.options}


def make(library, stock):
    """The settings by name, for the two libraries' paths."""
    settings = (
        Setting(REFERENCE, "libc.so.6"),
        Setting("stock", str(stock)),
        Setting(SUBJECT, str(library), is_ours=True),
        Setting("hardened", str(library), HARDENED, is_ours=True),
    )
    return {setting.name: setting for setting in settings}
