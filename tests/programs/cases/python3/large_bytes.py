# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bytes objects of tens of megabytes: made, searched, cut, joined."""
import hashlib
import random

data = random.Random(1).randbytes(20_000_000)
print(len(data), hashlib.sha256(data).hexdigest())
print(data.find(data[15_000_000:15_000_020]), data.count(b"ab"))
print(hashlib.sha256(data.replace(b"\x00", b"zero")).hexdigest())
print(hashlib.sha256(data.translate(bytes(range(255, -1, -1)))).hexdigest())
parts = [data[start : start + 777_777] for start in range(0, len(data), 777_777)]
print(b"".join(reversed(parts))[:16].hex(), b"".join(parts) == data)
print(hashlib.sha256(data.hex().encode()).hexdigest())
text = data[:4_000_000].decode("latin-1")
print(len(text.upper()), hash(text) == hash(data[:4_000_000].decode("latin-1")))
