# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forked workers that take and give back megabytes."""
import hashlib
import multiprocessing

shared = bytes(range(256)) * 40_000


def work(index):
    block = bytearray(shared)
    block[index] ^= 255
    return hashlib.sha256(block).hexdigest(), bytes(block[: index * 100_000])


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(3) as pool:
        for digest, block in pool.map(work, range(12)):
            print(digest, len(block), hashlib.sha256(block).hexdigest())
