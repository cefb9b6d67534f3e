// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ends the program: a message for the user, and the exit status.

#ifndef REFPAGE_TOOLS_REFPAGE_FAILURE_H_
#define REFPAGE_TOOLS_REFPAGE_FAILURE_H_

#include <stdexcept>
#include <string>

namespace refpage {

// As env(1) has them. A command that was run passes its own on, and 128 plus
// the signal's number if one ended it.
enum ExitStatus : int {
  Success = 0,
  Trouble = 1,
  UsageError = 2,
  CannotRun = 126,
  NotFound = 127,
};

class Failure : public std::runtime_error {
public:
  explicit Failure(const std::string &Message, int ExitStatus = Trouble)
      : std::runtime_error(Message), Status(ExitStatus) {}
  int getStatus() const { return Status; }

private:
  int Status;
};

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_FAILURE_H_
