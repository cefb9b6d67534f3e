# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rows measured, kept by case and variant, and as CSV."""

import csv


class Samples:
    def __init__(self):
        self._rows = []  # of dicts, in the order measured
        self.failures = {}  # (case, variant) -> message

    def add(self, case, variant, round_number, row):
        key = {"case": case, "variant": variant, "round": round_number}
        self._rows.append({**key, **row})

    def fail(self, case, variant, message):
        self.failures[case, variant] = message

    def values(self, case, variant, metric):
        if (case, variant) in self.failures:
            return []
        return [
            row[metric.key]
            for row in self._rows
            if row["case"] == case and row["variant"] == variant
            and metric.key in row
        ]

    def metric_keys(self, prefix, case):
        """The keys that begin so, in the order of the case's first row."""
        rows = (row for row in self._rows if row["case"] == case)
        return [key for key in next(rows, {}) if key.startswith(prefix)]

    def rounds(self):
        return len({row["round"] for row in self._rows})

    def write_csv(self, path):
        names = []
        for row in self._rows:
            names += [name for name in row if name not in names]
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(self._rows)
