# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Threads that allocate, fill, hash and free large blocks at the same time."""
import hashlib
import threading
import zlib

results = [None] * 8


def work(index):
    digest = hashlib.sha256()
    for size in (100_000, 3_000_000, 600_000, 5_000_000):
        block = bytearray(size)
        block[:: index + 1] = b"\x5a" * len(range(0, size, index + 1))
        digest.update(zlib.compress(block, 1))
        digest.update(block)
    results[index] = digest.hexdigest()


threads = [threading.Thread(target=work, args=(i,)) for i in range(len(results))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("\n".join(results))
