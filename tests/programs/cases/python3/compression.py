# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zlib, bz2 and lzma each work in large blocks of their own."""
import bz2
import hashlib
import lzma
import random
import zlib

data = random.Random(1).randbytes(300_000) * 2 + b"words and words; " * 60_000
for module, level in ((zlib, {"level": 9}), (bz2, {}), (lzma, {"preset": 6})):
    packed = module.compress(data, **level)
    print(module.__name__, len(packed), hashlib.sha256(packed).hexdigest())
    print(module.decompress(packed) == data)
    try:
        module.decompress(packed[:1000] + b"damaged" + packed[1007:])
    except Exception as error:
        print(type(error).__name__)
