# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Other allocators that ours is compared with.

Stock Scudo is built here from the sources that ours is built from. The others
come as Debian packages; one that cannot be installed is left out.
"""

import dataclasses

from . import build
from .goals import Goal, Lowest
from .metrics import MAX_RSS
from .variants import Variant


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    package: str  # Debian's; empty: part of every system
    file: str  # of the package, the end of its path
    environment: tuple = ()

    def variant(self):
        """May raise BuildError."""
        library = self.file
        if self.package:
            build.install_optional(self.package)
            library = build.file_of(self.package, self.file)
        return Variant(self.name, library, self.environment)


_JEMALLOC = ("libjemalloc2", "/libjemalloc.so.2")

# The C library is preloaded too: it changes nothing in a program that uses it,
# but Debian's redis is linked with jemalloc.
_LIBC = ("", "libc.so.6")

_PEERS = {
    peer.name: peer
    for peer in (
        Peer("glibc", *_LIBC),
        Peer("glibc+perturb", *_LIBC, (("MALLOC_PERTURB_", "171"),)),
        Peer("jemalloc", *_JEMALLOC),
        Peer("jemalloc+junk", *_JEMALLOC, (("MALLOC_CONF", "junk:true"),)),
        Peer("mimalloc", "libmimalloc2.0", "/libmimalloc.so.2"),
        Peer("tcmalloc", "libtcmalloc-minimal4", "/libtcmalloc_minimal.so.4"),
    )
}

STOCK_TARGET = "libscudo_stock.so"

STOCK_NAMES = ("stock", "stock+pattern")
NAMES = (*STOCK_NAMES, *_PEERS)

# What goals compare with. stock+pattern fills small blocks and reused ones, but
# none that comes from the kernel.
FILLS = Lowest("filling peer", ("glibc+perturb", "jemalloc+junk"))
FILLS_NOT = Lowest(
    "fastest peer", ("stock", "glibc", "jemalloc", "mimalloc", "tcmalloc")
)
FASTEST = Lowest("fastest peer", NAMES)
SMALLEST = Lowest("smallest peer", ("glibc", "jemalloc"))

# Judged where these run.
RSS_GOALS = (
    Goal(MAX_RSS, "stock", factor=1.05),
    Goal(MAX_RSS, SMALLEST, factor=1.15),
)


def stock(library):
    """Stock Scudo without and with its own fill, by name."""
    pattern = (("SCUDO_OPTIONS", "pattern_fill_contents=true"),)
    return {
        "stock": Variant("stock", library),
        "stock+pattern": Variant("stock+pattern", library, pattern),
    }


def find(names):
    """(variants by name, reasons by the names of those that are not there)."""
    found, missing = {}, {}
    for name in names:
        try:
            found[name] = _PEERS[name].variant()
        except build.BuildError as error:
            missing[name] = str(error)
    return found, missing
