# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Children of a parent whose other threads allocate all the time can allocate."""
import hashlib
import os
import threading

stop = threading.Event()


def churn(size):
    while not stop.is_set():
        # hashlib lets go of the interpreter's lock: another thread runs, and
        # may fork, while this one is inside the allocator or on its way there.
        hashlib.sha256(bytearray(size)).digest()


threads = [threading.Thread(target=churn, args=(s,)) for s in (200_000, 1_500_000)]
for thread in threads:
    thread.start()
kept = bytearray(b"kept") * 1_000_000
statuses = []
for i in range(40):
    child = os.fork()
    if child == 0:
        ok = kept == b"kept" * 1_000_000 and not any(bytes(3_000_000))
        kept[:4] = b"mine"
        os._exit(i if ok and kept[:8] == b"minekept" else 255)
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
for thread in threads:
    thread.join()
print(statuses, kept[:8])
