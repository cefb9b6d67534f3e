# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""What this project's BUILD files share: compiler flags for its own code (other
people's has its flags in third_party/, without warnings) and a rule for tests
in Python."""

_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Werror",
] + select({
    # g++ does not know this flag.
    "@//third_party:clang": ["-Wthread-safety"],
    "//conditions:default": [],
})

_OPTIMIZE = select({
    "@//third_party:opt": ["-O3"],
    "//conditions:default": [],
})

# For the traces of who allocated a block: platform/frame_chase.h.
_FRAME_POINTERS = select({
    "@platforms//cpu:aarch64": ["-fno-omit-frame-pointer"],
    "//conditions:default": [],
})

# What any code has that ends up in the process of a stranger, Scudo included:
#   no exceptions, no RTTI   nothing of libstdc++ is needed at run time
#   hidden visibility        only the entry points are visible to the program
#   initial-exec             a TLS access that never calls malloc
#   no LTO                   a malloc seen by LTO gets optimised as a builtin
RUNTIME_COPTS = [
    "-fno-exceptions",
    "-fno-rtti",
    "-fvisibility=hidden",
    "-ftls-model=initial-exec",
    "-fno-lto",
] + _OPTIMIZE + _FRAME_POINTERS

# platform/, refpage_backend/, allocator/
REFPAGE_COPTS = RUNTIME_COPTS + _WARNINGS

# tests/, benchmarks/
REFPAGE_TEST_COPTS = _WARNINGS + _FRAME_POINTERS

# For a cc_binary(linkshared = 1): Bazel always names libstdc++, and this drops
# it from the library's needs when nothing uses it. What the compiler calls for
# operations that the processor may lack (g++: __popcountdi2) is linked in.
REFPAGE_LINKOPTS = [
    "-Wl,--as-needed",
    "-static-libgcc",
    "-Wl,-z,defs,-z,now,-z,relro",
]

def refpage_py_test(name, main, args = [], data = [], tags = [], **kwargs):
    """A test that is a Python program: it passes when that exits with 0.

    It runs on this machine alone: there is nothing to emulate.

    Not py_test, since in Bazel 4 that starts programs by a `python` that Debian
    does not have.

    Args:
      name: the test's name
      main: the .py file; other modules and files it reads go in data
      args: its arguments
      data: files that it needs, such as other modules of its folder
      tags: as for any test
      **kwargs: as for any test
    """
    native.sh_test(
        name = name,
        srcs = ["//third_party/python:run.sh"],
        args = ["$(location %s)" % main] + args,
        data = [main] + data,
        tags = tags + ["native"],
        **kwargs
    )
