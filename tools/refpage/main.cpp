// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// refpage: shows what reference pages this machine offers and what programs
// gain by them. The subcommands are in the files named after them.

#include "tools/refpage/command.h"
#include "tools/refpage/failure.h"
#include "tools/refpage/version.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <exception>
#include <string>

namespace refpage {
namespace {

constexpr const Command *Commands[] = {
#define REFPAGE_COMMAND(Variable) &(Variable),
    REFPAGE_COMMANDS(REFPAGE_COMMAND)
#undef REFPAGE_COMMAND
};

struct CommandLine {
  const Command *Chosen = nullptr;
  int FirstArgument = 0;
};

error_t parseOption(int Key, char *Argument, argp_state *State) {
  CommandLine &Line = *static_cast<CommandLine *>(State->input);
  switch (Key) {
  case ARGP_KEY_ARG:
    for (const Command *C : Commands)
      if (strcmp(C->Name, Argument) == 0)
        Line.Chosen = C;
    if (!Line.Chosen)
      argp_error(State, "there is no command '%s'", Argument);
    Line.FirstArgument = State->next;
    State->next = State->argc; // The rest is the command's.
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(State, "no command");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

int runProgram(int Argc, char **Argv) {
  std::string Help =
      "Shows what reference pages this machine offers, and what programs gain "
      "by a malloc whose large blocks are made of them.\v"
      "Commands:\n";
  for (const Command *C : Commands)
    Help.append("  ")
        .append(C->Name)
        .append(12 - strlen(C->Name), ' ')
        .append(C->Summary)
        .append("\n");
  Help.append("\nrefpage COMMAND --help says more. So does `man refpage'.");

  const argp Parser = {nullptr,      parseOption, "COMMAND [ARGUMENT...]",
                       Help.c_str(), nullptr,     nullptr,
                       nullptr};
  CommandLine Line;
  char Name[] = "refpage";
  Argv[0] = Name;
  argp_parse(&Parser, Argc, Argv, ARGP_IN_ORDER, nullptr, &Line);

  std::string FullName = std::string(Name) + " " + Line.Chosen->Name;
  char **Arguments = Argv + Line.FirstArgument - 1;
  Arguments[0] = FullName.data();
  try {
    const int Status =
        Line.Chosen->Run(Argc - Line.FirstArgument + 1, Arguments);
    // What was not written, to a full disk perhaps, must not look like success.
    if (fflush(stdout) != 0 || ferror(stdout))
      throw Failure(std::string("cannot write: ") + strerror(errno));
    return Status;
  } catch (const Failure &F) {
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", FullName.c_str(), F.what());
    return F.getStatus();
  } catch (const std::exception &E) {
    fprintf(stderr, "%s: %s\n", FullName.c_str(), E.what());
    return Trouble;
  }
}

} // namespace
} // namespace refpage

const char *argp_program_version = "refpage " REFPAGE_VERSION;

int main(int Argc, char **Argv) {
  argp_err_exit_status = refpage::UsageError;
  return refpage::runProgram(Argc, Argv);
}
