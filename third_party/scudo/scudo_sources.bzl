# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Scudo's sources, unmodified, from Debian's source package of LLVM."""

PACKAGE = "llvm-toolchain-19"
VERSION = "19.1.7"
SHA256 = "ae498f3bc58ae2d9f64ef5f0c035c4240152bf015a5b7738b15c22e93bdc97ce"

def _scudo_sources_impl(rctx):
    rctx.report_progress("Fetching Scudo %s (164 MB, through apt)" % VERSION)
    result = rctx.execute([
        "/usr/bin/python3",
        "-B",
        rctx.path(rctx.attr._fetch),
        "--package=" + PACKAGE,
        "--version=" + VERSION,
        "--sha256=" + SHA256,
        # A relative path is one below the workspace.
        "--tarball=" + rctx.os.environ.get("SCUDO_TARBALL", ""),
        "--tarball-base=" + str(rctx.path(rctx.attr.build_file).dirname.dirname.dirname),
        "--output=.",
    ], environment = {
        "PYTHONPATH": str(rctx.path(rctx.attr._apt).dirname),
    }, timeout = 3600)  # a slow line takes longer than the default of 10 minutes
    if result.return_code != 0:
        fail(result.stderr)
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")

scudo_sources = repository_rule(
    implementation = _scudo_sources_impl,
    attrs = {
        "build_file": attr.label(allow_single_file = True, mandatory = True),
        "_fetch": attr.label(
            allow_single_file = True,
            default = "//third_party/scudo:fetch_sources.py",
        ),
        "_apt": attr.label(
            allow_single_file = True,
            default = "//third_party/apt:private_apt.py",
        ),
    },
    # SCUDO_TARBALL=FILE: Debian's llvm-toolchain-19_19.1.7.orig.tar.xz on disk,
    # for a machine without a network or an archive without this version.
    environ = ["SCUDO_TARBALL"],
)
