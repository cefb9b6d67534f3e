# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Node.js' own tests of what lives outside of its garbage-collected heap."""

from ..case import Case

# Of test/parallel/. They are Debian's version's; with another Node.js some fail, on
# every allocator.
TESTS = (
    *("test-arraybuffer*", "test-blob*", "test-buffer-*", "test-zlib-*"),
    *("test-string-decoder*", "test-stringbytes*", "test-worker-message-port*"),
    "test-worker-transfer*",
)


def run(run):
    tests = sorted(
        path
        for pattern in TESTS
        for path in (run.place.source / "test/parallel").glob(pattern + ".js")
    )

    # One process of node runs a test; of this one many are started at a time.
    script = run.path("all.sh")
    script.write_text(SCRIPT)
    stdout = run.program(
        *("bash", script, *tests), NODE_TEST_DIR=run.folder, TEST_THREAD_ID=0
    )
    lines = sorted(stdout.splitlines())
    return {"tests": "\n".join(lines)}


SCRIPT = """
for test; do
  status=0
  timeout 300 /usr/bin/node --expose-internals --expose-gc --no-warnings "$test" \\
    >/dev/null 2>stderr || status=$?
  echo "${test##*/} $status"
done
"""


CASE = Case(
    name="node",
    about="Node.js' own tests of buffers, blobs, zlib, string decoders and transfers"
    " between workers: the outcome of each",
    run=run,
    programs=("node",),
    packages=("nodejs",),
    source=("nodejs", "test"),
)
