// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The subcommands. To add one:
//   - a file named after it that defines its Command: it declares its options
//     with argp (<argp.h>, of the C library), those of common_options.h among
//     them, and writes tables by table.h and JSON by json_output.h;
//   - a line in REFPAGE_COMMANDS;
//   - schemas/NAME.json, which the tests check its JSON against;
//   - a section in packaging/refpage.1.

#ifndef REFPAGE_TOOLS_REFPAGE_COMMAND_H_
#define REFPAGE_TOOLS_REFPAGE_COMMAND_H_

namespace refpage {

struct Command {
  const char *Name;
  const char *Summary; // A line of `refpage --help`.
  // Argv[0] is "refpage NAME", as messages name it. Returns the exit status, or
  // throws a Failure. Wrong arguments end the program in argp, with status 2.
  int (*Run)(int Argc, char **Argv);
};

// REFPAGE_COMMAND(Variable): in the order in which help lists them.
#define REFPAGE_COMMANDS(REFPAGE_COMMAND)                                      \
  REFPAGE_COMMAND(ProbeCommand)                                                \
  REFPAGE_COMMAND(RunCommand)                                                  \
  REFPAGE_COMMAND(ReportCommand)                                               \
  REFPAGE_COMMAND(TraceCommand)                                                \
  REFPAGE_COMMAND(UninitCommand)

#define REFPAGE_COMMAND(Variable) extern const Command Variable;
REFPAGE_COMMANDS(REFPAGE_COMMAND)
#undef REFPAGE_COMMAND

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_COMMAND_H_
