# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rows measured, kept by case and variant, and as CSV."""

import csv


class Samples:
    def __init__(self):
        self._rows = []  # of dicts, in the order measured
        self.failures = {}  # (case, variant) -> message

    @classmethod
    def of(cls, rows):
        """rows: of text, as csv.DictReader gives them."""
        samples = cls()
        for row in rows:
            # What a program did not print is empty.
            cells = {key: _value(text) for key, text in row.items() if text}
            key = (cells.pop(name) for name in ("case", "variant", "round"))
            samples.add(*key, cells)
        return samples

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

    def cases(self):
        return list(dict.fromkeys(row["case"] for row in self._rows))

    def variants(self):
        return list(dict.fromkeys(row["variant"] for row in self._rows))

    def write_csv(self, path):
        with open(path, "w", newline="") as file:
            self.write_csv_to(file)

    def write_csv_to(self, file):
        names = []
        for row in self._rows:
            names += [name for name in row if name not in names]
        writer = csv.DictWriter(
            file, names, restval="", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(self._rows)


def _value(text):
    try:
        return float(text)
    except ValueError:
        return text
