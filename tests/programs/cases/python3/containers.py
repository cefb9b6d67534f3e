# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Dictionaries, lists and integers whose tables are large blocks."""
import json
import pickle
import hashlib

table = {f"key{i}": [i, str(i * 7919)] for i in range(100_000)}
text = json.dumps(table, sort_keys=True)
print(len(text), hashlib.sha256(text.encode()).hexdigest())
print(json.loads(text) == table, pickle.loads(pickle.dumps(table)) == table)
for i in range(0, 100_000, 2):
    del table[f"key{i}"]
print(len(table), sum(value[0] for value in table.values()))
shuffled = sorted(range(300_000), key=lambda n: (n * 69069 + 1) % 1_000_003)
print(hashlib.sha256(repr(shuffled).encode()).hexdigest())
print(len(set(shuffled) & set(range(0, 600_000, 3))))
number = 3**400_000
print(number % 1_000_003, number.bit_length(), (number >> 333_333) & 0xFFFF)
