# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import unittest

from harness import stats


class RelativeSpread(unittest.TestCase):
    def test_is_the_interquartile_range_over_the_median(self):
        self.assertAlmostEqual(
            stats.relative_spread([1.0, 2.0, 3.0, 4.0, 5.0]), 2 / 3
        )

    def test_one_outlier_does_not_count(self):
        self.assertEqual(stats.relative_spread([2.0] * 9 + [1000.0]), 0.0)

    def test_one_value_or_a_median_of_zero_has_none(self):
        self.assertEqual(stats.relative_spread([7.0]), 0.0)
        self.assertEqual(stats.relative_spread([0.0, 0.0, 1.0]), 0.0)


class RatioInterval(unittest.TestCase):
    def test_holds_the_ratio_of_steady_values(self):
        self.assertEqual(stats.ratio_interval([3.0] * 5, [2.0] * 5), (1.5, 1.5))

    def test_rounds_disturbed_on_both_sides_do_not_widen_it(self):
        base = [1.0, 1.0, 1.0, 5.0, 5.0, 5.0]
        low, high = stats.ratio_interval([2 * b for b in base], base)
        self.assertEqual((low, high), (2.0, 2.0))

    def test_is_the_same_each_time(self):
        values, base = [1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 3.0]
        first = stats.ratio_interval(values, base)
        self.assertLess(first[0], first[1])
        self.assertEqual(stats.ratio_interval(values, base), first)

    def test_lists_of_other_lengths_and_zeros(self):
        self.assertEqual(stats.ratio_interval([2.0], [1.0, 1.0]), (2.0, 2.0))
        self.assertIsNone(stats.ratio_interval([1.0], [0.0]))


if __name__ == "__main__":
    unittest.main()
