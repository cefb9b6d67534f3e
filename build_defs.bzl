# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""What this project's BUILD files share: compiler flags for its own code (other
people's has its flags in third_party/, without warnings) and a rule for tests
in Python."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

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

# g++ makes inline data unique in the process, not only in the library, and what
# is unique cannot be hidden.
_NO_UNIQUE = select({
    "@//third_party:clang": [],
    "//conditions:default": ["-fno-gnu-unique"],
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
] + _OPTIMIZE + _FRAME_POINTERS + _NO_UNIQUE

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

def _static_library_impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    objects = []
    for dep in ctx.attr.deps:
        for input in dep[CcInfo].linking_context.linker_inputs.to_list():
            for library in input.libraries:
                objects += library.pic_objects or library.objects
    archive = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.run_shell(
        outputs = [archive],
        inputs = depset(objects + ctx.files.exports, transitive = [toolchain.all_files]),
        arguments = [
            toolchain.ld_executable,
            toolchain.objcopy_executable,
            toolchain.ar_executable,
            archive.path,
            ctx.files.exports[0].path if ctx.files.exports else "",
        ] + [object.path for object in objects],
        # The groups by which linkers drop duplicate inline functions are
        # dissolved: their names become local, and would still be compared.
        command = """
set -euo pipefail
ld=$1 objcopy=$2 ar=$3 archive=$4 exports=$5
shift 5
object=${archive%.a}.o
"$ld" -r --force-group-allocation -o "$object" "$@"
"$objcopy" --localize-hidden "$object"
if [[ -n $exports ]]; then
  sed -e 's:/\\*[^*]*\\*/::g' -e '1,/global:/d' -e '/local:/,$d' "$exports" |
    tr -d ' ' | tr ';' '\\n' | sed '/^$/d' >"$archive.names"
  "$objcopy" --wildcard --keep-global-symbols="$archive.names" "$object"
fi
rm -f "$archive"
"$ar" rcsD "$archive" "$object"
""",
        mnemonic = "StaticLibrary",
    )
    return [DefaultInfo(
        files = depset([archive]),
        runfiles = ctx.runfiles([archive]),
    )]

_TLS_SLOTS = "//allocator:platform_tls_slots"

def _tls_slots_impl(settings, attr):
    chosen = attr.platform_tls_slots
    return {_TLS_SLOTS: str(chosen) if chosen else settings[_TLS_SLOTS]}

_tls_slots = transition(
    implementation = _tls_slots_impl,
    inputs = [_TLS_SLOTS],
    outputs = [_TLS_SLOTS],
)

refpage_static_library = rule(
    implementation = _static_library_impl,
    doc = """A static library that whoever has no Bazel can link.

All that deps are made of is one object in it, in which hidden symbols are local:
so it defines what is visible and nothing else, and cannot collide with other
copies of what it is made of.""",
    attrs = {
        "exports": attr.label(
            allow_single_file = True,
            doc = "A version script: only what it names is visible.",
        ),
        "deps": attr.label_list(
            cfg = _tls_slots,
            providers = [CcInfo],
        ),
        "platform_tls_slots": attr.label(
            doc = "In place of what the flag of that name says.",
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
        "_cc_toolchain": attr.label(
            default = "@bazel_tools//tools/cpp:current_cc_toolchain",
        ),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

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
