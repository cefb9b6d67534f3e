# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The whole malloc family, called as C calls it, keeps its promises."""
import ctypes
import errno

libc = ctypes.CDLL(None, use_errno=True)
SIZE, POINTER = ctypes.c_size_t, ctypes.c_void_p


def declare(name, result, *arguments):
    function = getattr(libc, name)
    function.restype, function.argtypes = result, arguments
    return function


malloc = declare("malloc", POINTER, SIZE)
calloc = declare("calloc", POINTER, SIZE, SIZE)
realloc = declare("realloc", POINTER, POINTER, SIZE)
reallocarray = declare("reallocarray", POINTER, POINTER, SIZE, SIZE)
memalign = declare("memalign", POINTER, SIZE, SIZE)
aligned_alloc = declare("aligned_alloc", POINTER, SIZE, SIZE)
posix_memalign = declare(
    "posix_memalign", ctypes.c_int, ctypes.POINTER(POINTER), SIZE, SIZE
)
valloc = declare("valloc", POINTER, SIZE)
pvalloc = declare("pvalloc", POINTER, SIZE)
usable_size = declare("malloc_usable_size", SIZE, POINTER)
free = declare("free", None, POINTER)

for size in (1, 24, 4096, 65_536, 100_000, 1 << 20, (8 << 20) + 5):
    block = malloc(size)
    print("malloc", size, block % 16, usable_size(block) >= size)
    ctypes.memset(block, 0x5A, usable_size(block))
    block = realloc(block, size * 3)
    print("grown", ctypes.string_at(block, size) == b"\x5a" * size)
    block = realloc(block, size // 2 + 1)
    kept = size // 2 + 1
    print("shrunk", ctypes.string_at(block, kept) == b"\x5a" * kept)
    block = reallocarray(block, size, 2)
    print("array", ctypes.string_at(block, kept) == b"\x5a" * kept)
    free(block)
    block = calloc(size, 2)
    print("calloc", not any(ctypes.string_at(block, size * 2)))
    free(block)
    for power in (4, 8, 12, 16, 20):
        alignment = 1 << power
        rounded = (size + alignment - 1) // alignment * alignment
        place = POINTER()
        status = posix_memalign(ctypes.byref(place), alignment, size)
        blocks = [
            place.value,
            memalign(alignment, size),
            aligned_alloc(alignment, rounded),
        ]
        print("aligned", power, status, [block % alignment for block in blocks])
        for block in blocks:
            ctypes.memset(block, 0xA5, size)
            free(block)
    blocks = [valloc(size), pvalloc(size)]
    print("pages", [block % 4096 for block in blocks], usable_size(blocks[1]) >= 4096)
    for block in blocks:
        free(block)

free(None)
for call in (
    lambda: malloc(1 << 62),
    lambda: calloc(1 << 33, 1 << 33),
    lambda: reallocarray(None, 1 << 40, 1 << 40),
):
    ctypes.set_errno(0)
    print("refused", call(), errno.errorcode[ctypes.get_errno()])
place = POINTER()
print("bad alignment", posix_memalign(ctypes.byref(place), 24, 100) == errno.EINVAL)
