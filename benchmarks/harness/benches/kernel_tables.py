# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tables of the bench of the kernel's reference pages."""

from .. import stats
from ..report import markdown
from .kernel_cases import (
    FAULT_TIME,
    FAULTS,
    FORK_READ,
    FORK_WRITTEN,
    INSTRUCTIONS,
    LOOP,
    MAPPINGS,
    MEAN_FAULT_TIME,
    READ,
    READ_FAULTS,
    TIME,
    WRITTEN,
)

# A table for each metric: a row for each method, a column for each case.
BY_CASE = {
    "published": (INSTRUCTIONS, FAULTS),
    "sizes": (INSTRUCTIONS, FAULTS),
    "churn": (INSTRUCTIONS, FAULTS),
    "time": (TIME,),
    "scaling": (FAULT_TIME,),
}
_WITH_RATIOS = (INSTRUCTIONS, TIME)

# One table: a column for each metric.
BY_METRIC = {
    "block": (
        MAPPINGS, WRITTEN, READ, READ_FAULTS, FORK_WRITTEN, FORK_READ
    )
}


def _rows_of(cases, variants):
    used = {method.name for case in cases for method in case.methods}
    return [variant.name for variant in variants if variant.name in used]


def _median(samples, case, name, metric):
    values = samples.values(case, name, metric)
    return stats.median(values) if values else None


def _text(samples, case, name, metric):
    if (case.name, name) in samples.failures:
        return "FAILED"
    value = _median(samples, case.name, name, metric)
    return "" if value is None else metric.text(value)


def _of_base(samples, case, name, metric):
    value = _median(samples, case.name, name, metric)
    base = _median(samples, case.name, case.base, metric)
    return f"{value / base:.3f}" if value is not None and base else ""


def _speedup(samples, case, name):
    """What two do against what one does in the same time."""
    one = case.name.split(",")[0] + ", one"
    # A loop tells what there is to be had: its mean is all of the time.
    metric = MEAN_FAULT_TIME if name == LOOP.name else FAULT_TIME
    value = _median(samples, case.name, name, metric)
    base = _median(samples, one, name, metric)
    return f"{base / value:.2f}" if value and base else ""


def _grid(title, columns, names, cell):
    """columns: pairs of a title and what cell() is given with a name."""
    header = [title, *(head for head, _ in columns), ""]
    rows = [
        [name, *(cell(it, name) for _, it in columns), ""] for name in names
    ]
    return markdown(header, rows)


def _by_case(cases, names, metrics, samples):
    columns = [(case.name, case) for case in cases]
    for metric in metrics:
        yield _grid(
            metric.title, columns, names,
            lambda case, name: _text(samples, case, name, metric),
        )
        if metric in _WITH_RATIOS:
            yield _grid(
                f"{metric.short}, ratios",
                [(f"{case.name} / {case.base}", case) for case in cases],
                names,
                lambda case, name: _of_base(samples, case, name, metric),
            )


def _speedups(cases, names, samples):
    return _grid(
        "times as much as one",
        [(case.name, case) for case in cases if ", 2 " in case.name],
        names,
        lambda case, name: _speedup(samples, case, name),
    )


def _goal_row(case, goal, samples):
    def cell(name, metric, other):
        return samples.values(other or case.name, name, metric)

    verdict = goal.judge(cell)
    if verdict is None:
        return None
    base_case = goal.base_case or case.name
    value = _median(samples, case.name, goal.subject, goal.metric)
    base = _median(samples, base_case, goal.base, goal.metric)
    of = goal.base + (f", {goal.base_case}" if goal.base_case else "")
    return [
        case.name,
        goal.subject,
        f"{goal.metric.short} <= {goal.factor:.3g} of {of}",
        f"{value / base:.3f}" if base else goal.metric.text(value),
        "met" if verdict.met else "missed",
    ]


def _verdicts(cases, samples):
    rows = [
        _goal_row(case, goal, samples) for case in cases for goal in case.goals
    ]
    header = ["case", "variant", "goal", "reached", "verdict"]
    return markdown(header, [row for row in rows if row], left=3)


def table(cases, variants, samples, _layout):
    parts = []
    for key, metrics in BY_CASE.items():
        here = [case for case in cases if case.table == key]
        if here:
            names = _rows_of(here, variants)
            parts += _by_case(here, names, metrics, samples)
        if here and key == "scaling":
            parts.append(_speedups(here, names, samples))
    for case in cases:
        if case.table in BY_METRIC:
            parts.append(
                _grid(
                    case.name,
                    [(it.title, it) for it in BY_METRIC[case.table]],
                    _rows_of([case], variants),
                    lambda metric, name: _text(samples, case, name, metric),
                )
            )
    parts.append(_verdicts(cases, samples))
    return "\n\n".join(parts)
