# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a measured number is called and how it is written in a table."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Metric:
    key: str  # also the name of the CSV column
    title: str
    short: str  # in ratios and verdicts
    format: str

    def text(self, value):
        return self.format.format(value)


REAL = Metric("real_s", "real time (s)", "real", "{:.4f}")
CPU = Metric("cpu_s", "CPU time (s)", "CPU", "{:.4f}")
MINOR_FAULTS = Metric("minor_faults", "minor faults", "faults", "{:.0f}")
MAX_RSS = Metric("max_rss_kib", "max RSS (KiB)", "RSS", "{:.0f}")
FORK_REAL = Metric("fork_real_us", "real time a fork (µs)", "real", "{:.0f}")
FORK_CPU = Metric("fork_cpu_us", "CPU time a fork (µs)", "CPU", "{:.0f}")
# Of an iteration of a program that reports its own.
ITERATION_REAL = Metric(
    "iteration_us", "real time an iteration (µs)", "real", "{:.2f}"
)
ITERATION_CPU = Metric(
    "iteration_cpu_us", "CPU time an iteration (µs)", "CPU", "{:.2f}"
)
ITERATION_FAULTS = Metric(
    "iteration_faults", "faults an iteration", "faults", "{:.1f}"
)
OPERATION_REAL = Metric(
    "operation_ns", "real time an operation (ns)", "real", "{:.2f}"
)
OPERATION_CPU = Metric(
    "operation_cpu_ns", "CPU time an operation (ns)", "CPU", "{:.2f}"
)
