# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import unittest

import merge_tables


def table(machine, release, *lines):
    return merge_tables.Table(
        f"<!-- {machine} {release} -->\n" + "\n".join(lines))


class MergeTest(unittest.TestCase):
    def test_machines_that_agree_give_one_answer(self):
        self.assertEqual(merge_tables.merge_answers(
            [("6.1", "yes"), ("6.12", "yes")]), "yes")

    def test_others_are_named(self):
        self.assertEqual(merge_tables.merge_answers(
            [("6.1", "EINVAL"), ("6.12", "yes"), ("6.12 arm64", "yes")]),
            "EINVAL (6.1), yes (6.12)")

    def test_who_cannot_tell_is_not_heard(self):
        self.assertEqual(merge_tables.merge_answers(
            [("6.1", "?"), ("6.12", "yes"), ("6.1 arm64", "")]), "yes")
        self.assertEqual(merge_tables.merge_answers([("6.1", "?")]), "")

    def test_an_architecture_is_named_if_it_answers_alone(self):
        self.assertEqual(merge_tables.merge_answers(
            [("6.1", "1"), ("6.1 arm64", "1"), ("6.12", "2"),
             ("6.12 arm64", "3")]),
            "1 (6.1), 2 (6.12), 3 (6.12 arm64)")

    def test_rates_are_left_out(self):
        merged = merge_tables.merge([
            table("x86_64", "6.1.0", "| | memfd |", "|---|---|",
                  "| a | 1.93 |", "| b | 2 |"),
            table("x86_64", "6.12.0", "| | memfd |", "|---|---|",
                  "| a | ? |", "| b | 2 |"),
        ])
        self.assertEqual(merged.splitlines()[2:], ["| b | 2 |"])

    def test_tables_of_different_sources_are_one(self):
        merged = merge_tables.merge([
            table("x86_64", "6.1.0-1-cloud", "| | memfd | device |",
                  "|---|---|---|", "| **Group** | | |", "| a | 1 | 2 |"),
            table("aarch64", "6.12.1", "| | memfd | syscall |",
                  "|---|---|---|", "| **Group** | | |", "| a | 3 | 4 |",
                  "| b | 5 | |"),
        ])
        self.assertEqual(merged.splitlines(), [
            "| | `memfd` | `device` | `syscall` |",
            "|---|---|---|---|",
            "| **Group** |  |  |  |",
            "| a | 1 (6.1), 3 (6.12 arm64) | 2 | 4 |",
            "| b | 5 |  |  |",
        ])


if __name__ == "__main__":
    unittest.main()
