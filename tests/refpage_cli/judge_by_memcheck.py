# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `refpage uninit` finds, judged by Valgrind's memcheck: a table in Markdown.

    tools/setup valgrind graphicsmagick sqlite3 nodejs python3-numpy zstd bzip2
    bazel build //tools/refpage //tests/refpage_cli:uninit_program
    /usr/bin/python3 -B tests/refpage_cli/judge_by_memcheck.py

memcheck reports a use of uninitialised memory when the program's behaviour depends
on it, or when a system call gets it, and with --track-origins who allocated the
memory. A finding of ours that has the same callers is confirmed. What memcheck
names and we do not is missed, if the block is one of ours: of more than 128 KiB.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REFPAGE = ROOT / "bazel-bin/tools/refpage/refpage"
PLANTED = ROOT / "bazel-bin/tests/refpage_cli/uninit_program"
LARGE = 128 << 10
# Calls that have to be the same, the innermost ones.
COMPARED = 3
# memcheck's own allocator; ours.
ALLOCATORS = ("vgpreload_", "libscudo_refpage")

CASES = [
    "untouched", "large", "half_filled", "grown", "at_exit", "system_call",
    "beside_a_write", "copied", "correct", "in_a_child",
]  # fmt: skip

# (name, command). They run in a folder with `lines` (800 KB of text), `picture.ppm`.
NUMPY = """
import numpy
a = numpy.empty(1 << 18)
b = numpy.zeros(1 << 18)
b[::2] = 1
print((b * 2).sum(), b.std())
"""
NUMPY_BUG = """
import numpy
a = numpy.empty(1 << 18)
a[: 1 << 17] = 1
print(a.max() > 2)
"""
PYTHON = """
import hashlib, zlib
data = bytes(range(256)) * 4096
print(len(zlib.compress(data)), hashlib.md5(bytearray(data)).hexdigest())
"""
NODE = "let b = Buffer.%s(1 << 20), s = 0; for (const x of b) s += x; console.log(s)"
SQL = "CREATE TABLE t(x BLOB); INSERT INTO t VALUES(randomblob(3000000)), (zeroblob(2000000)); SELECT sum(length(x)), sum(length(hex(x))) FROM t;"
PROGRAMS = [
    ("sort -S 64M", ["sort", "-S", "64M", "lines"]),
    ("xz -6", ["xz", "-6", "-k", "-c", "lines"]),
    ("xz -dc", ["xz", "-dc", "lines.xz"]),
    ("zstd -19", ["zstd", "-q", "-19", "-c", "lines"]),
    ("bzip2", ["bzip2", "-k", "-c", "lines"]),
    ("gm convert -blur", ["gm", "convert", "picture.ppm", "-blur", "0x2", "out.png"]),
    ("gm convert -resize", ["gm", "convert", "picture.ppm", "-resize", "50%", "out.jpg"]),
    ("sqlite3, blobs", ["sqlite3", ":memory:", SQL]),
    ("perl, large strings", ["perl", "-e", 'my $x = "a" x 3000000; print length($x . reverse $x)']),
    ("python3, zlib and md5", ["/usr/bin/python3", "-c", PYTHON]),
    ("numpy, zeros", ["/usr/bin/python3", "-c", NUMPY]),
    ("numpy, empty half filled", ["/usr/bin/python3", "-c", NUMPY_BUG]),
    ("node, Buffer.alloc", ["node", "-e", NODE % "alloc"]),
    ("node, Buffer.allocUnsafe", ["node", "-e", NODE % "allocUnsafe"]),
]


def make_inputs(folder):
    random.seed(1)
    lines = "".join(f"{random.getrandbits(32):08x} {n}\n" for n in range(60000))
    (folder / "lines").write_text(lines)
    subprocess.run(["xz", "-k", "lines"], cwd=folder, check=True)
    width, height = 640, 480
    pixels = bytes((x * y + x) % 256 for y in range(height) for x in range(width * 3))
    (folder / "picture.ppm").write_bytes(b"P6 %d %d 255\n" % (width, height) + pixels)


def run_ours(command, folder):
    output = folder / "report.json"
    began = time.monotonic()
    subprocess.run(
        [REFPAGE, "uninit", "--json", f"--output={output}", "--", *command],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return json.loads(output.read_text()), time.monotonic() - began


def call(module, address):
    """What is the same in two runs: the file, and the place in its page."""
    return os.path.basename(module), address % 4096


def compared(calls):
    """Without main()'s callers in libc, of which memcheck leaves some out."""
    places = []
    for module, address in calls[:COMPARED]:
        if places and os.path.basename(module).startswith("libc.so"):
            break
        places.append(call(module, address))
    return tuple(places)


def our_calls(finding):
    return compared([(c["module"], c["offset"] - 1) for c in finding["callers"]])


def run_memcheck(command, folder, limit):
    """The call stacks that allocated what was used uninitialised, and the seconds."""
    began = time.monotonic()
    for old in folder.glob("memcheck.*"):
        old.unlink()
    try:
        subprocess.run(
            ["valgrind", "-q", "--track-origins=yes", "--trace-children=yes",
             "--xml=yes", "--xml-file=memcheck.%p", "--smc-check=all-non-file",
             "--num-callers=24", "--", *command],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False, timeout=limit,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, time.monotonic() - began
    origins = set()
    for file in folder.glob("memcheck.*"):
        try:
            document = xml.etree.ElementTree.parse(file)
        except xml.etree.ElementTree.ParseError:  # Of what became another program.
            continue
        for error in document.iter("error"):
            what = " ".join(e.text or "" for e in error.iter("auxwhat"))
            kind = error.findtext("kind")
            if kind not in ("UninitCondition", "UninitValue", "SyscallParam"):
                continue
            origins.add(origin(error, what))
    # What was computed from uninitialised memory, of which memcheck knows no more.
    origins.discard(None)
    return origins, time.monotonic() - began


def origin(error, what):
    """The call stack of the allocation: the last one; None: not on the heap."""
    stacks = error.findall("stack")
    if "heap allocation" not in what and "inside a block of size" not in what:
        return None
    frames = [
        (frame.findtext("obj", ""), int(frame.findtext("ip"), 16))
        for frame in stacks[-1].iter("frame")
    ]
    return compared([c for c in frames if not any(a in c[0] for a in ALLOCATORS)])


def judge(name, command, folder, limit):
    report, our_seconds = run_ours(command, folder)
    origins, seconds = run_memcheck(command, folder, limit)
    findings = report["findings"]
    watched = sum(p["watched_blocks"] for p in report["processes"])
    if origins is None:
        verdict = f"memcheck took more than {limit} s"
    else:
        confirmed = [f for f in findings if our_calls(f) in origins]
        silent = len(findings) - len(confirmed)
        rest = origins - {our_calls(f) for f in findings}
        verdict = ", ".join(
            text
            for count, text in [
                (len(confirmed), f"{len(confirmed)} confirmed"),
                (silent, f"{silent} not used: memcheck is silent"),
                (len(rest), f"{len(rest)} by memcheck alone"),
            ]
            if count
        )
    print(
        f"| {name} | {watched} | {len(findings)} | {verdict or 'both find nothing'} "
        f"| {our_seconds:.1f} | {seconds:.1f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--limit", type=int, default=300, help="seconds for memcheck")
    parser.add_argument("--only", help="programs whose name has this")
    options = parser.parse_args()
    print("| program | blocks watched | findings | judgement | s | s, memcheck |")
    print("|---|---:|---:|---|---:|---:|")
    planted = [(f"planted: `{case}`", [PLANTED, case]) for case in CASES]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_inputs(folder)
        for name, command in planted + PROGRAMS:
            if not options.only or options.only in name:
                judge(name, command, folder, options.limit)


if __name__ == "__main__":
    main()
