# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""One cc_test for each of upstream's test files, ours and stock."""

load("//:build_defs.bzl", "RUNTIME_COPTS")

_TESTS = "@scudo//:scudo/standalone/tests/"

# Other people's code: no warnings.
_COPTS = [
    "-w",
    # The tests count on a malloc that really happens and on a read after free
    # that is really made.
    "-fno-builtin",
] + select({
    "//third_party:clang": [],
    # wrappers_c_test.cpp asks clang's way whether a warning exists.
    "//conditions:default": ["-D__has_warning(x)=0"],
})

# These two test the process's own malloc.
_WRAPPER_TESTS = [
    "wrappers_c_test",
    "wrappers_cpp_test",
]

# Each with its reason in README.md.
_SKIPPED = {
    "wrappers_c_test": ["--gtest_filter=-" + ":".join([
        "ScudoWrappersCTest.AlignedAlloc",
        "ScudoWrappersCDeathTest.Fork",
    ])],
    "combined_test": select({
        "@platforms//cpu:aarch64": ["--gtest_filter=-" + ":".join([
            "*BasicCombined%d_DefaultConfig.*" % i
            for i in range(16, 21)
        ] + ["*UseAfterFree_DefaultConfig.*"])],
        "//conditions:default": [],
    }),
}

# Minutes under emulation.
_SHARDS = {"combined_test": 4}

def _upstream_test(name, sources, defines, deps, **kwargs):
    native.cc_test(
        name = name,
        srcs = sources + [_TESTS + "scudo_unit_test_main.cpp"],
        copts = _COPTS,
        # Upstream links its tests so; the death tests' addresses depend on it.
        linkopts = ["-no-pie"],
        linkstatic = 1,
        # None takes 10 s on two cores of today, but they spin on all cores and
        # measure time, so a busy machine gets room.
        size = "small",
        timeout = "moderate",
        local_defines = defines,
        deps = deps + [
            "@googletest//:gtest",
            "@scudo//:scudo",
            "@scudo//:test_headers",
        ],
        **kwargs
    )

def upstream_tests(tests):
    """Declares upstream_NAME and stock_NAME for each of tests.

    Args:
      tests: names of files of upstream's tests folder, without .cpp
    """
    native.cc_library(
        name = "stock_malloc",
        testonly = 1,
        srcs = [
            "@scudo//:wrappers_c.cpp",
            "@scudo//:wrappers_cpp.cpp",
        ],
        copts = RUNTIME_COPTS + ["-nostdinc++", "-w"],
        tags = ["manual"],
        deps = [
            "@scudo//:scudo",
            "@scudo//:wrappers_inc",
        ],
        alwayslink = 1,
    )

    for test in tests:
        wrapper = test in _WRAPPER_TESTS
        source = _TESTS + test + ".cpp"

        _upstream_test(
            name = "stock_" + test,
            sources = [source],
            defines = [],
            tags = ["manual"],
            deps = [":stock_malloc"] if wrapper else [],
        )

        extra = []
        if wrapper:
            extra = ["//allocator:malloc_entry"]
        if test == "secondary_test":
            native.cc_library(
                name = "secondary_test_source",
                testonly = 1,
                textual_hdrs = [source],
            )
            source = "secondary_test_with_ours.cpp"
            extra = [":secondary_test_source"]
        _upstream_test(
            name = "upstream_" + test,
            sources = [source],
            args = _SKIPPED.get(test, []),
            shard_count = _SHARDS.get(test),
            defines = ["SCUDO_USE_CUSTOM_CONFIG"],
            deps = extra + ["//allocator:config"],
        )

    native.test_suite(
        name = "stock",
        tags = ["manual"],
        tests = [":stock_" + test for test in tests],
    )
