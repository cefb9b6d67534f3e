# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`refpage` itself: commands, help, version, the manual page."""

import re
import unittest

import driver

MANUAL = driver.FOLDER / "packaging/refpage.1"


def commands():
    """As --help lists them."""
    said = driver.run("--help").stdout
    listed = said[said.index("Commands:\n") :]
    return re.findall(r"^  (\w+) ", listed, re.M)


class MainTest(unittest.TestCase):
    def test_commands(self):
        self.assertEqual(commands()[:2], ["probe", "run"])

    def test_help_and_version_of_each(self):
        versions = set()
        for arguments in [(), *((command,) for command in commands())]:
            with self.subTest(arguments):
                result = driver.run(*arguments, "--help")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                usage = " ".join(["Usage: refpage", *arguments, "[OPTION...]"])
                self.assertEqual(result.stdout.split("\n")[0][: len(usage)], usage)
                result = driver.run(*arguments, "--version")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertRegex(result.stdout, r"^refpage \d[\w.~+-]*\n$")
                versions.add(result.stdout)
        self.assertEqual(len(versions), 1)

    def test_wrong_arguments(self):
        for arguments, words in (
            ((), "refpage: no command\n"),
            (("prob",), "refpage: there is no command 'prob'\n"),
            (("--nonsense",), "refpage: unrecognized option '--nonsense'\n"),
        ):
            with self.subTest(arguments):
                result = driver.run(*arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertIn(words, result.stderr)
                self.assertIn("refpage --help", result.stderr)

    def test_the_manual_page_has_every_command_and_option(self):
        page = MANUAL.read_text().replace("\\-", "-")
        for command in commands():
            with self.subTest(command):
                self.assertIn(f'.SS "refpage {command}"\n', page)
                said = driver.run(command, "--help").stdout
                options = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", said, re.M)
                self.assertIn("--json", options)
                for option in options:
                    self.assertRegex(page, rf"(?<![\w-]){option}(?![\w-])")


if __name__ == "__main__":
    unittest.main()
