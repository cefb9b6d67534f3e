# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""merge_tables.py DOCUMENT TABLE...

Puts one table into DOCUMENT, in place of what is between its lines
`<!-- table -->` and `<!-- end of table -->`, made of the tables that
`conformance --table` printed on several machines. Where these answer alike there
is one answer, else each with the kernels that gave it. Rates, which have a decimal
point, are left out: they belong to one machine.
"""

import re
import sys

SOURCES = ["anonymous", "memfd", "device", "device-unaccounted", "device-fresh",
           "syscall"]
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


def split(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


class Table:
    """What one machine answered."""

    def __init__(self, text):
        header = re.search(r"<!-- (\S+) (\d+\.\d+)\S* -->", text)
        if not header:
            raise ValueError("no line that tells machine and kernel")
        self.kernel = header.group(2)
        if header.group(1) == "aarch64":
            self.kernel += " arm64"
        lines = [line for line in text[header.end():].splitlines()
                 if line.startswith("|")]
        self.sources = split(lines[0])[1:]
        # Answers by question and source; of a group's heading there are none.
        self.rows = {}
        for line in lines[2:]:
            question, *answers = split(line)
            self.rows[question] = dict(zip(self.sources, answers))


def merge_answers(answers):
    """One cell of pairs (kernel, answer)."""
    # A question mark: the machine cannot tell.
    answers = [(kernel, answer) for kernel, answer in answers
               if answer not in ("", "?")]
    values = list(dict.fromkeys(answer for _, answer in answers))
    if len(values) < 2:
        return values[0] if values else ""
    return ", ".join(f"{value} ({name([k for k, a in answers if a == value])})"
                     for value in values)


def name(kernels):
    """Of an architecture apart only where the others do not answer so."""
    return ", ".join(dict.fromkeys(
        kernel for kernel in kernels
        if kernel.split()[0] == kernel or kernel.split()[0] not in kernels))


def is_rate(table, question):
    return any(re.fullmatch(r"\d+\.\d+", answer)
               for answer in table.rows.get(question, {}).values())


def merge(tables):
    questions = list(dict.fromkeys(
        question for table in tables for question in table.rows
        if not any(is_rate(other, question) for other in tables)))
    sources = [source for source in SOURCES
               if any(source in table.sources for table in tables)]
    lines = ["| | " + " | ".join(f"`{source}`" for source in sources) + " |",
             "|---|" + "---|" * len(sources)]
    for question in questions:
        cells = [merge_answers([(table.kernel, table.rows[question][source])
                                for table in tables
                                if source in table.rows.get(question, {})])
                 for source in sources]
        lines.append(f"| {question} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    document, *paths = sys.argv[1:]
    tables = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            tables.append(Table(file.read()))
    with open(document, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    with open(document, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + merge(tables) + "\n" + END + after)


if __name__ == "__main__":
    main()
