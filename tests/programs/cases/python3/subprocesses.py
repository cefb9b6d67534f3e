# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Megabytes through the pipes of children, which inherit no stray descriptor."""
import hashlib
import subprocess
import sys

data = bytes(range(256)) * 60_000
for close_fds in (True, False):
    output = subprocess.run(
        ["/bin/cat"], input=data, stdout=subprocess.PIPE, close_fds=close_fds, check=True
    ).stdout
    print(output == data)
child = """
import os, sys, hashlib
data = sys.stdin.buffer.read()
print(len(data), hashlib.sha256(data).hexdigest(), sorted(os.listdir('/dev/fd'))[:4])
sys.exit(9)
"""
finished = subprocess.run(
    [sys.executable, "-c", child], input=data, stdout=subprocess.PIPE
)
print(finished.returncode, finished.stdout.decode())
print(hashlib.sha256(data).hexdigest())
