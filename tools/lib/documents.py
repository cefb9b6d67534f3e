# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that what documents name is there, without running it.

    documents.py DOCUMENT...

In the current folder, a checkout. Of Markdown: that links lead somewhere, to a
heading too; that files, Bazel targets, this project's tools and their options, and
keys of REFPAGE_OPTIONS are there which are named as code or in a command. Of manual
pages: those keys. Prints what is wrong, and fails then.

Also gives the commands of a document to tests/documents/commands_test.py, which runs
them. A comment before a block of commands says otherwise:

    <!-- not run: why -->
    <!-- run: what is run in its place -->
"""

import dataclasses
import pathlib
import re
import shlex
import sys

# --- Parts of a document.


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code."""

    line: int
    text: str
    mark: str = ""  # "run", "not run", or nothing
    said: str = ""  # what is run, or why it is not

    @property
    def is_of_commands(self):
        return bool(COMMAND.match(self.text))


COMMAND = re.compile(
    r"(?:sudo |[A-Z_]+=\S* )*"
    r"(?:LD_PRELOAD=|tools/|tests/|platform/|benchmarks/|docs/|bazel[ -]|/usr/bin/|cc |make$|man )"
)
_MARK = re.compile(r"<!-- (run|not run): (.*?) -->", re.S)
_LIST = re.compile(r" *(?:[-*]|\d+\.) ")


def blocks(text):
    """Its blocks of code: those between ``` and those that are indented by four."""
    lines, number = text.split("\n"), 0
    mark, last, in_list = ("", ""), "", False
    while number < len(lines):
        line = lines[number]
        begin = number
        if line.startswith("<!--"):
            while "-->" not in lines[number]:
                number += 1
            comment = _MARK.match("\n".join(lines[begin : number + 1]))
            if comment:
                mark = comment[1], " ".join(comment[2].split())
        elif line.startswith("```"):
            number = lines.index("```", begin + 1)
            yield Block(begin + 1, "\n".join(lines[begin + 1 : number]), *mark)
            mark = "", ""
        elif line.startswith("    ") and not last and not in_list:
            while number + 1 < len(lines) and re.match("    |$", lines[number + 1]):
                number += 1
            code = (it[4:] for it in lines[begin : number + 1])
            yield Block(begin + 1, "\n".join(code).rstrip(), *mark)
            mark = "", ""
        elif line:
            mark = "", ""
            in_list = bool(_LIST.match(line)) or in_list and line.startswith(" ")
        last = lines[number].strip()
        number += 1


def without_blocks(text):
    """Its lines, those of blocks and comments empty."""
    text = re.sub(r"<!--.*?-->", lambda it: "\n" * it[0].count("\n"), text, flags=re.S)
    lines = text.split("\n")
    for block in blocks(text):
        for number in range(block.line - 1, block.line + block.text.count("\n") + 1):
            lines[number] = ""
    return lines


def slug(heading):
    """What a link to a heading has behind the #."""
    heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# --- What is there.


class Checkout:
    def __init__(self, top):
        self.top = top
        self.options = set(
            re.findall(
                r"REFPAGE_OPTION\(\s*\w+, (\w+),",
                (top / "allocator/options.inc").read_text(),
            )
        )

    def headings(self, document):
        lines = without_blocks(document.read_text())
        return {slug(it.lstrip("#").strip()) for it in lines if it.startswith("#")}

    def is_ours(self, path):
        """Whether it begins with a folder of ours."""
        first, slash, _ = path.partition("/")
        return bool(slash) and re.fullmatch(r"\.?\w+", first) and (self.top / first).is_dir()

    def has_folder(self, name):
        """At the top, or in a folder there that the text is about."""
        return (self.top / name).is_dir() or any(self.top.glob(f"[a-z]*/{name}"))

    def has_file(self, path):
        """path: also a pattern, or without its ending, or a target's."""
        path = path.rstrip("/")
        if any(self.top.glob(path)) or any(self.top.glob(path + ".*")):
            return True
        folder, _, name = path.rpartition("/")
        return self.has_target(f"//{folder}:{name}")

    def has_target(self, label):
        folder, _, name = label[2:].partition(":")
        package = self.top / folder.removesuffix("...").rstrip("/")
        below = "**/" if folder.endswith("...") else ""
        builds = [*package.glob(f"{below}BUILD.bazel"), *package.glob("*.bzl")]
        if not builds:
            return False
        if not name or name in ("all", "*") or folder.endswith("..."):
            return True
        # Names are also put together, of a name and an option of its tests.
        parts = name.split("_")
        text = "".join(it.read_text() for it in builds)
        names = set(re.findall(r'"([\w.-]+)"', text))
        return name in names or any(
            "_".join(parts[:end]) in names for end in range(1, len(parts))
        )

    def tool_sources(self, tool):
        """The text of all that reads the arguments of a tool."""
        more = {
            "tools/bench": "benchmarks/harness/*.py",
            "tools/vm": "tools/lib/vm/*.py",
            "tools/deb": "packaging/*",
        }
        paths = [self.top / tool, *self.top.glob(more.get(tool, tool))]
        return "\n".join(it.read_text() for it in paths if it.is_file())


# --- What is wrong.

_LABEL = re.compile(r"//[\w./-]+(?::[\w.*-]+)?$")
# What stands for something else.
_PLACEHOLDER = re.compile(r"[A-Z]{2,}|\.\.\.|[$<{]")


def wrong_words(checkout, text):
    """What is wrong with a command, or with a name."""
    text = text.replace("\\\n", " ")
    for line in text.split("\n"):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        yield from _wrong_command(checkout, words)


def _wrong_command(checkout, words):
    tool = None
    for word in words:
        if word in ("--", "&&", "||", "|", ";"):
            # What follows is not the tool's.
            tool = None
        elif word.startswith("--") and tool:
            option = word.partition("=")[0]
            if option != "--help" and not re.search(
                rf"{re.escape(option)}(?![\w-])", checkout.tool_sources(tool)
            ):
                yield f"{tool} has no option {option}"
        elif _LABEL.match(word):
            if not _PLACEHOLDER.search(word.replace("...", "")):
                if not checkout.has_target(word.lstrip("-")):
                    yield f"there is no target {word}"
        elif word.startswith("-") or _PLACEHOLDER.search(word):
            continue
        elif checkout.is_ours(word) and re.fullmatch(r"[\w./*-]+", word):
            if not checkout.has_file(word):
                yield f"there is no file {word}"
            elif re.fullmatch(r"tools/\w+", word):
                tool = word
        elif tool == "tools/bench":
            yield from _wrong_bench(checkout, word)
            tool = "tools/bench" if word == "peers" else tool


def _wrong_bench(checkout, word):
    known = {it.stem for it in checkout.top.glob("benchmarks/harness/benches/*.py")}
    if re.fullmatch("[a-z]+", word) and word not in known | {"all", "peers"}:
        # A value of an option has digits or commas, or is checked by the tool.
        if word not in checkout.tool_sources("tools/bench"):
            yield f"there is no bench {word}"


def wrong_options(checkout, text):
    """Keys of REFPAGE_OPTIONS that are none."""
    for value in re.findall(r"REFPAGE_OPTIONS=([a-z_=\w:]+)", text):
        for pair in value.split(":"):
            key = pair.partition("=")[0]
            if key and key not in checkout.options:
                yield f"REFPAGE_OPTIONS has no key {key}"


def wrong_links(checkout, document, text):
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists():
            yield f"the link to {target} leads nowhere"
        elif anchor and file.suffix == ".md" and anchor not in checkout.headings(file):
            yield f"{path or document.name} has no heading {anchor}"


def wrong(checkout, document):
    """Pairs of a line and what is wrong there."""
    text = document.read_text()
    if document.suffix != ".md":
        for problem in wrong_options(checkout, text.replace("\\", "")):
            yield 1, problem
        return
    for block in blocks(text):
        if block.mark and not block.is_of_commands:
            yield block.line, f"marked '{block.mark}', but there is no command"
        if block.is_of_commands:
            for problem in wrong_words(checkout, block.text):
                yield block.line, problem
        for problem in wrong_options(checkout, block.text):
            yield block.line, problem
    prose = "\n".join(without_blocks(text))
    # Links go on over the ends of lines.
    for problem in wrong_links(checkout, document, prose):
        yield 1, problem
    for number, line in enumerate(prose.split("\n"), 1):
        for code in re.findall(r"`([^`]+)`", line):
            if re.fullmatch(r"\w+/", code) and not checkout.has_folder(code):
                yield number, f"there is no folder {code}"
            for problem in wrong_words(checkout, code):
                yield number, problem
            for problem in wrong_options(checkout, code):
                yield number, problem


def main(names):
    checkout = Checkout(pathlib.Path().resolve())
    status = 0
    for name in names:
        for line, problem in wrong(checkout, checkout.top / name):
            print(f"{name}:{line}: {problem}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
