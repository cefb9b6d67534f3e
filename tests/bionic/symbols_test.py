# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What libscudo_refpage_bionic.a defines and needs: whoever links it into a C
library has to be able to rely on it."""

import argparse
import pathlib
import re
import subprocess
import sys
import unittest

DEFINED = """
    __scudo_get_error_info
    __scudo_get_region_info_addr __scudo_get_region_info_size
    __scudo_get_ring_buffer_addr __scudo_get_ring_buffer_size
    __scudo_get_stack_depot_addr __scudo_get_stack_depot_size
    __scudo_print_stats
    scudo_aligned_alloc scudo_calloc scudo_free scudo_mallinfo scudo_mallinfo2
    scudo_malloc scudo_malloc_disable scudo_malloc_disable_memory_tagging
    scudo_malloc_enable scudo_malloc_info scudo_malloc_iterate
    scudo_malloc_set_add_large_allocation_slack
    scudo_malloc_set_pattern_fill_contents
    scudo_malloc_set_track_allocation_stacks scudo_malloc_set_zero_contents
    scudo_malloc_usable_size scudo_mallopt scudo_memalign scudo_posix_memalign
    scudo_pvalloc scudo_realloc scudo_reallocarray scudo_valloc
""".split()

# Of any C library for Linux; docs/bionic.md names those that are not old.
NEEDED = """
    abort bcmp clock_gettime close fcntl ferror fprintf fputs fstat fstatfs
    ftruncate fwrite getauxval getenv getpid getrlimit gettid ioctl madvise memchr memcmp
    memcpy memfd_create memmove memset mmap mprotect mremap munmap nanosleep open
    prctl pread pthread_atfork pthread_once pwritev read readlink sched_getaffinity
    sigaction sigfillset stat strchr strcmp strcspn strerror strlen strncmp strncpy
    strpbrk strstr strtol syscall sysconf write
    __errno_location __libc_current_sigrtmax __libc_current_sigrtmin
    __sched_cpucount
    pthread_setcancelstate
""".split()

# What compilers put in: fortified copies, stack protectors, TLS, checks, and of
# their own libraries what the processor may lack.
COMPILERS = """
    __assert_fail __memcpy_chk __memmove_chk __memset_chk __stack_chk_fail
    __stack_chk_guard __strncpy_chk __tls_get_addr _GLOBAL_OFFSET_TABLE_
    __popcountdi2 __fprintf_chk __libc_stack_end __aarch64_have_lse_atomics
""".split()

# Only if there is one.
WEAK = """
    __libc_single_threaded __scudo_default_options android_set_abort_message
    async_safe_write_log backtrace
    __scudo_allocate_hook __scudo_deallocate_hook __scudo_realloc_allocate_hook
    __scudo_realloc_deallocate_hook
""".split()

ARCHIVE = HEADER = HOST_WORDS = None


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def symbols(*options):
    """(name, kind) of each symbol, as nm has them."""
    for line in run("nm", *options, ARCHIVE).splitlines():
        match = re.fullmatch(r"(?:[0-9a-f]+)?\s+([A-Za-z]) (\S+)", line)
        if match:
            yield match[2], match[1]


class SymbolsTest(unittest.TestCase):
    maxDiff = None

    def test_defines_the_entry_points_and_nothing_else(self):
        defined = sorted(name for name, _ in symbols("--extern-only", "--defined-only"))
        self.assertEqual(defined, sorted(DEFINED))

    def test_each_is_in_the_header(self):
        header = pathlib.Path(HEADER).read_text()
        for name in DEFINED:
            if name.startswith("scudo_"):
                self.assertRegex(header, rf"\b{name}\(")

    def test_needs_the_c_library_alone(self):
        needed = {name for name, kind in symbols("--undefined-only") if kind == "U"}
        self.assertEqual(sorted(needed - {*NEEDED, *COMPILERS, HOST_WORDS}), [])

    def test_can_do_without_what_is_weak(self):
        weak = {name for name, kind in symbols("--undefined-only") if kind in "wv"}
        self.assertEqual(sorted(weak - set(WEAK)), [])

    def test_never_calls_the_malloc_of_the_process(self):
        family = {"malloc", "calloc", "realloc", "free", "memalign", "posix_memalign"}
        self.assertEqual({name for name, _ in symbols()} & family, set())

    def test_has_no_tls_where_the_c_library_has_words_for_it(self):
        if not HOST_WORDS:
            self.skipTest("the library has thread_local variables")
        table = run("readelf", "--symbols", "--wide", ARCHIVE)
        self.assertEqual(re.findall(r"^.* TLS .*$", table, re.M), [])
        self.assertIn(HOST_WORDS, {name for name, _ in symbols("--undefined-only")})

    def test_has_no_constructor_of_ours(self):
        # Upstream's has one, which stores a word; before it has run, memory is
        # mapped in place of a buffer (BufferPool in release.h).
        relocations = run("readelf", "--relocs", "--wide", ARCHIVE)
        sections = re.split(r"\nRelocation section '", relocations)
        constructors = [
            line
            for section in sections
            if re.match(r"\.rela?\.(init_array|ctors|preinit_array)", section)
            for line in section.splitlines()
            if "R_" in line
        ]
        upstreams = [
            name for name, _ in symbols() if name.startswith("_GLOBAL__sub_I_")
        ]
        self.assertEqual(upstreams, ["_GLOBAL__sub_I_release.cpp"])
        self.assertEqual(len(constructors), 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--archive", required=True)
    parser.add_argument("--header", required=True)
    parser.add_argument("--host-words", help="what gives it the words of a thread")
    arguments, rest = parser.parse_known_args()
    ARCHIVE = arguments.archive
    HEADER = arguments.header
    HOST_WORDS = arguments.host_words
    unittest.main(argv=sys.argv[:1] + rest)
