# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whoever asks for zeroes gets zeroes, also where a freed block was reused."""
import array
import ctypes

for size in (100, 70_000, 300_000, 1 << 20, (4 << 20) + 1, 30_000_000):
    for _ in range(3):
        dirty = bytearray(b"\xff") * size
        del dirty
        print(
            size,
            bytes(size).count(0) == size,
            bytearray(size).count(0) == size,
            bytes(ctypes.create_string_buffer(size)).count(0) == size,
            bytes(array.array("q", bytes(size // 8 * 8))).count(0) == size // 8 * 8,
        )
