# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A program may close and reuse every descriptor it did not open itself.

After that its own files are what it reads through them, and new memory holds
none of the files' bytes.
"""
import ctypes
import os

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
secret = b"the file's own bytes "
with open("file", "wb") as file:
    # Bit by bit: a large block with these bytes, freed, could be used again, and
    # in the variant anon it holds what it held.
    for _ in range(400):
        file.write(secret * 1000)

print("first free descriptor", os.open("file", os.O_RDONLY))
before = bytearray(b"b") * 3_000_000
soft_limit = min(os.sysconf("SC_OPEN_MAX"), 1 << 20)
os.closerange(3, soft_limit)
# So many that the parked descriptors' numbers are among them.
source = os.open("file", os.O_RDWR)
opened = [source]
numbers = {*range(4, 1100), *range(soft_limit - 300, soft_limit)}
for number in sorted(numbers):
    if number < soft_limit:
        opened.append(os.dup2(source, number))
for size in (100_000, 1 << 20, 4 << 20, 30_000_000):
    block = libc.malloc(ctypes.c_size_t(size))
    print(size, secret in ctypes.string_at(block, size))
    ctypes.memset(block, 0x11, size)
    print(not any(bytes(size)))
print(before == b"b" * 3_000_000)
for number in opened:
    os.lseek(number, 0, os.SEEK_SET)
    assert os.read(number, 21) == secret
with open("file", "rb") as file:
    print(file.read() == secret * 400_000)
os.remove("file")
