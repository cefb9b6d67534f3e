// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/support/shell.h"

#include "tests/support/emulator.h"

#include <algorithm>
#include <stdio.h>

namespace refpage_test {

std::string runShell(const std::string &Command) {
  FILE *Pipe = popen(("{ " + Command + "; } 2>&1").c_str(), "r");
  if (!Pipe)
    return "no pipe\n";
  std::string Output;
  char Text[4096];
  for (size_t N; (N = fread(Text, 1, sizeof(Text), Pipe)) > 0;)
    Output.append(Text, N);
  const int Status = pclose(Pipe);
  if (Status != 0)
    Output += "status " + std::to_string(Status) + "\n";
  return Output;
}

std::string withVariables(const std::string &Variables) {
  if (!getEmulator())
    return "env " + Variables + " ";
  std::string Command = std::string(getEmulator()) + " ";
  for (size_t At = 0; At < Variables.size();) {
    const size_t End = std::min(Variables.find(' ', At), Variables.size());
    if (End != At)
      Command += "-E " + Variables.substr(At, End - At) + " ";
    At = End + 1;
  }
  return Command;
}

} // namespace refpage_test
