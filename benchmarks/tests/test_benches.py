# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What every bench must give the tool, and what the parsers read."""

import unittest

from harness import benches
from harness.benches import malloc, redis
from harness.variants import OWN_NAMES


class All(unittest.TestCase):
    def test_every_bench_uses_known_variants(self):
        for bench in benches.ALL.values():
            self.assertLessEqual(set(bench.variants), set(OWN_NAMES))
            self.assertTrue(bench.about)
            self.assertGreater(bench.runs, 0)


class GoogleBenchmarkOutput(unittest.TestCase):
    def test_lines_before_the_header_are_skipped(self):
        output = (
            "a line about the machine\n"
            "name,iterations,real_time,cpu_time,time_unit\n"
            '"mallocFree/bytes:16/written:100",9,5.5,4.5,ns\n'
        )
        self.assertEqual(malloc._parse(output), {"cpu_ns 16/100": 4.5})

    def test_sizes_are_written_in_their_unit(self):
        sizes = [16, 4096, 64 << 10, 16 << 20]
        texts = [malloc._size_text(size) for size in sizes]
        self.assertEqual(texts, ["16 B", "4 KiB", "64 KiB", "16 MiB"])


class RedisProtocol(unittest.TestCase):
    def test_encoding(self):
        self.assertEqual(
            redis._encode("EVAL", "x y"),
            b"*2\r\n$4\r\nEVAL\r\n$3\r\nx y\r\n",
        )


if __name__ == "__main__":
    unittest.main()
