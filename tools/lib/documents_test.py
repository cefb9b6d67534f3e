# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import documents  # noqa: E402

OPTIONS = """
REFPAGE_OPTION(Variant, variant, Variant::Refpage, "which")
REFPAGE_OPTION(
    Amount, cache_max, Amount{0}, "variant of much")
"""
TOOL = """#!/usr/bin/env bash
case $1 in --stats) ;; esac
"""
BUILD = 'cc_test(name = "a_test")\n[t(name = "%s_test" % it) for it in ["b", "c_d"]]\n'


class Blocks(unittest.TestCase):
    def texts(self, text):
        return [block.text for block in documents.blocks(text)]

    def test_fenced_and_indented(self):
        self.assertEqual(
            self.texts("Text:\n\n    tools/a\n\n    tools/b\n\nMore.\n\n```\ncc x\n```\n"),
            ["tools/a\n\ntools/b", "cc x"],
        )

    def test_what_is_indented_in_a_list_is_none(self):
        self.assertEqual(self.texts("- a point\n\n    that goes on\n"), [])

    def test_the_mark_is_of_the_next_block_only(self):
        text = "<!-- not run: as root,\nand long -->\n\n    tools/a\n\n<!-- run: cc y -->\n\nText.\n\n    tools/b\n"
        first, second = documents.blocks(text)
        self.assertEqual((first.mark, first.said), ("not run", "as root, and long"))
        self.assertEqual((second.mark, second.said), ("", ""))
        self.assertEqual((first.line, second.line), (4, 10))

    def test_commands_and_output(self):
        def is_of_commands(text):
            return documents.Block(1, text).is_of_commands

        self.assertTrue(is_of_commands("LD_PRELOAD=x tools/run"))
        self.assertTrue(is_of_commands("bazel build //a"))
        self.assertFalse(is_of_commands("refpage: large blocks"))
        self.assertFalse(is_of_commands("int refpage_create(void);"))


class Wrong(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name).resolve()
        for name, text in {
            "allocator/options.inc": OPTIONS,
            "tools/run": TOOL,
            "tools/bench": "",
            "benchmarks/harness/cli.py": "--plot --runs",
            "benchmarks/harness/benches/micro.py": "",
            "tests/BUILD.bazel": BUILD,
            "docs/other.md": "# A heading: `it`, here\n\n    tools/run\n",
        }.items():
            (self.top / name).parent.mkdir(parents=True, exist_ok=True)
            (self.top / name).write_text(text)
        self.checkout = documents.Checkout(self.top)

    def wrong(self, text, name="docs/it.md"):
        document = self.top / name
        document.write_text(text)
        return [problem for _, problem in documents.wrong(self.checkout, document)]

    def test_nothing(self):
        self.assertEqual(
            self.wrong(
                "[a](other.md), [b](other.md#a-heading-it-here), [c](#own)\n\n# Own\n\n"
                "`tools/`, `tools/b*`, `tests/a_test`, `//tests:b_test`, `a/b`,\n"
                "`//tests:all`, `//tests/...`, `tools/bench NAME --plot`\n\n"
                "    tools/run --stats -- sort --anything\n"
                "    tools/bench peers micro --runs 3 | tools/run --help\n"
                "    REFPAGE_OPTIONS=cache_max=0:variant=anon cc x.c\n"
            ),
            [],
        )

    def test_links(self):
        self.assertEqual(
            self.wrong("[a](none.md) and\n[b](other.md#none)"),
            [
                "the link to none.md leads nowhere",
                "other.md has no heading none",
            ],
        )

    def test_files_and_targets(self):
        self.assertEqual(
            self.wrong("`none/`, `tools/none`, `docs/none.md`, `//tests:none`"),
            [
                "there is no folder none/",
                "there is no file tools/none",
                "there is no file docs/none.md",
                "there is no target //tests:none",
            ],
        )

    def test_options_and_benches(self):
        self.assertEqual(
            self.wrong("`tools/run --stat`\n\n```\ntools/bench macro\n```\n"),
            ["there is no bench macro", "tools/run has no option --stat"],
        )

    def test_keys(self):
        wanted = ["REFPAGE_OPTIONS has no key cash_max"]
        self.assertEqual(self.wrong("`REFPAGE_OPTIONS=variant=x:cash_max=0`"), wanted)
        page = r".B REFPAGE_OPTIONS=variant=anon:cash_max=0"
        self.assertEqual(self.wrong(page, "docs/page.7"), wanted)

    def test_a_mark_without_a_command(self):
        self.assertEqual(
            self.wrong("<!-- run: x -->\n\n    some text\n"),
            ["marked 'run', but there is no command"],
        )


if __name__ == "__main__":
    unittest.main()
