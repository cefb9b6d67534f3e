# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes compile_commands.json, for clang-tidy and for editors.

    bazel aquery --output=jsonproto 'mnemonic("CppCompile", //...)' |
        compile_commands.py ROOT OUTPUT_BASE >compile_commands.json

Only our own sources are in it. Bazel compiles in a folder of its own that comes
and goes; the commands here work in ROOT, where other people's headers are not
below external/ but in OUTPUT_BASE.
"""

import json
import sys


def main():
    root, output_base = sys.argv[1:]
    commands = {}
    for action in json.load(sys.stdin).get("actions", []):
        arguments = action["arguments"]
        source = arguments[arguments.index("-c") + 1]
        if source.startswith(("external/", "bazel-out/")):
            continue
        commands[source] = {
            "directory": root,
            "file": source,
            "arguments": [
                f"{output_base}/{argument}"
                if argument.startswith("external/")
                else argument
                for argument in arguments
            ],
        }
    json.dump(list(commands.values()), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
