# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""realloc up and down: what was in the block stays in it."""
import hashlib

grown = bytearray()
chunk = bytes(range(256)) * 100
for i in range(800):
    grown += chunk
    grown.append(i & 255)
print(len(grown), hashlib.sha256(grown).hexdigest())
while len(grown) > 1000:
    del grown[len(grown) * 2 // 3 :]
    print(len(grown), hashlib.sha256(grown).hexdigest())
grown.extend(b"x" * 5_000_000)
del grown[:2_000_000]
print(len(grown), grown[:3], grown[-3:])
numbers = []
for i in range(1_000_000):
    numbers.append(i)
print(sum(numbers), len(numbers))
