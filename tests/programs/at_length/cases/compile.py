# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""C++ of LLVM's size, compiled and linked by clang and by g++."""

import hashlib

from ..case import Case

# Of LLVM's lib/IR/.
SOURCES = ("ConstantFold", "Function")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(run):
    include = run.place.packages / "usr/lib/llvm-19/include"
    results = {}
    for compiler in ("clang++-19", "g++-12"):
        objects = []
        for name in SOURCES:
            output = run.path(f"{name}.{compiler}.o")
            run.program(
                *(f"/usr/bin/{compiler}", "-std=c++17", "-O2", "-g", "-w", "-c"),
                *(f"-I{include}", "-D__STDC_LIMIT_MACROS", f"-ffile-prefix-map={run.folder}=."),
                *(run.place.source / f"llvm/lib/IR/{name}.cpp", "-o", output),
            )
            results[output.name] = digest(output)
            objects.append(output)
        linked = run.path(f"all.{compiler}.o")
        run.program("/usr/bin/ld", "-r", *objects, "-o", linked)
        results[linked.name] = digest(linked)
    return results


CASE = Case(
    name="compile",
    about=f"{len(SOURCES)} files of LLVM, each by clang-19 and g++-12 with `-O2 -g`,"
    " and linked: the bytes of each object",
    run=run,
    programs=("clang++-19", "cc1plus"),
    packages=("binutils", "clang-19", "g++-12"),
    unpacked=("llvm-19-dev",),
    source=("llvm-toolchain-19", "llvm/lib/IR"),
)
