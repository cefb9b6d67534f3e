# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Debian packages, unpacked, as a Bazel repository: for what is not to be
installed on the machine."""

def _debian_packages_impl(rctx):
    rctx.report_progress("Fetching " + " ".join(rctx.attr.packages))

    # The tool makes its folder by a rename, which the repository's own cannot be.
    result = rctx.execute([
        "/usr/bin/python3",
        "-B",
        rctx.path(rctx.attr._fetch),
        "--output=root",
    ] + rctx.attr.packages, environment = {
        "PYTHONPATH": str(rctx.path(rctx.attr._apt).dirname),
    }, timeout = 3600)
    if result.return_code != 0:
        fail(result.stderr)
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")

debian_packages = repository_rule(
    implementation = _debian_packages_impl,
    attrs = {
        "packages": attr.string_list(
            doc = "NAME[:ARCHITECTURE][/SUITE], see fetch_packages.py",
            mandatory = True,
        ),
        "build_file": attr.label(
            doc = "the repository's BUILD file; the packages' files are below root/",
            allow_single_file = True,
            mandatory = True,
        ),
        "_fetch": attr.label(
            allow_single_file = True,
            default = "//third_party/apt:fetch_packages.py",
        ),
        "_apt": attr.label(
            allow_single_file = True,
            default = "//third_party/apt:private_apt.py",
        ),
    },
)
