# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Requests that cannot be met raise MemoryError, and the program goes on."""
for shift in (47, 50, 60):
    try:
        bytearray(1 << shift)
    except MemoryError:
        print("refused", shift)
    print(bytes(5_000_000).count(0))
try:
    block = bytearray(3_000_000)
    block.extend(bytes(0))
    block *= 1 << 40
except MemoryError:
    print("refused", len(block), block.count(0))
