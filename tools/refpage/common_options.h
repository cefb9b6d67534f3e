// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Options that subcommands have in common. A subcommand names commonOptions(),
// or launchOptions() if it runs a command, in its argp's children and sets
// child_inputs[0] to a CommonOptions at ARGP_KEY_INIT. --help, --usage and
// --version are argp's own.

#ifndef REFPAGE_TOOLS_REFPAGE_COMMON_OPTIONS_H_
#define REFPAGE_TOOLS_REFPAGE_COMMON_OPTIONS_H_

#include <argp.h>

#include <string>

namespace refpage {

struct CommonOptions {
  bool Json = false;   // --json
  std::string Library; // --library FILE; "": not given. See library.h.
};

// A list of children that has these options and an end: --json alone, and both.
const argp_child *commonOptions();
const argp_child *launchOptions();

// The number that the value of an option is, from Least to Most; or a usage
// error, which ends the program. Option: as typed, such as "--runs".
unsigned long parseNumber(const char *Option, const char *Value,
                          unsigned long Least, unsigned long Most,
                          const argp_state *State);

// The path that the value of an option is; or a usage error if it is empty.
const char *takePath(const char *Option, const char *Value,
                     const argp_state *State);

// The whole command line after the options: what an argp parser does at
// ARGP_KEY_ARG, with ARGP_IN_ORDER, if its first argument is a COMMAND that
// takes all that follow. Returns COMMAND, ended by a null pointer.
char **takeCommand(argp_state *State);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_COMMON_OPTIONS_H_
