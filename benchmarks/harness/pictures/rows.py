# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a picture is drawn from: the rows of a bench, measured now or before."""

import csv
import dataclasses

from .. import stats, variants
from ..peers import NAMES as PEERS
from ..samples import Samples

# Variants have their places in pictures as in tables.
_ORDER = [*variants.OWN_NAMES, *PEERS]


@dataclasses.dataclass(frozen=True)
class Rows:
    samples: Samples
    conditions: str  # rounds and machine, in a line

    def cases(self):
        return self.samples.cases()

    def variants(self):
        found = self.samples.variants()
        known = [name for name in _ORDER if name in found]
        return known + [name for name in found if name not in known]

    def median(self, case, variant, metric):
        """None if it was not measured, or failed."""
        values = self.samples.values(case, variant, metric)
        return stats.median(values) if values else None


_NOTE = "# "


def write(path, rows):
    """As CSV, the conditions in a comment before the header."""
    with open(path, "w", newline="") as file:
        file.write(f"{_NOTE}{rows.conditions}\n")
        rows.samples.write_csv_to(file)


def read(path):
    """Rows that write() or a bench has written: the conditions of the latter are
    below the table beside them."""
    with open(path, newline="") as file:
        first = file.readline()
        if first.startswith(_NOTE):
            conditions = first[len(_NOTE) :].strip()
        else:
            file.seek(0)
            conditions = _last_line(path.with_suffix(".md"))
        return Rows(Samples.of(csv.DictReader(file)), conditions)


def _last_line(path):
    lines = path.read_text().splitlines() if path.exists() else []
    return lines[-1] if lines else ""
