// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Running a command on the allocator.

#ifndef REFPAGE_TOOLS_REFPAGE_LAUNCH_H_
#define REFPAGE_TOOLS_REFPAGE_LAUNCH_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <string>

namespace refpage {

// Of the command: this program's own; nothing; or nothing to read, and all that
// it writes on this program's stderr.
enum class Streams { Inherit, None, ToStderr };

struct Launch {
  char **Command = nullptr; // Ended by a null pointer.
  std::string Library;      // Preloaded, behind what is in LD_PRELOAD already.
                            // "": nothing is.
  std::string Options; // For REFPAGE_OPTIONS, behind what is there already.
  Streams InAndOut = Streams::Inherit;
};

struct Outcome {
  pid_t Pid = 0;
  int WaitStatus = 0; // As wait() has it.
  double Seconds = 0; // From before its start to its end.
  rusage Usage = {};  // Of the command and the children it has waited for.

  // What a shell would show: 128 plus the signal's number if one ended it.
  int getExitStatus() const;
  // Whether somebody has ended it, rather than an error of its own.
  bool wasInterrupted() const;
  // "ended with status 3", "ended by signal 11 (Segmentation fault)".
  std::string describe() const;
};

// Runs the command to its end. Meanwhile signals that this program gets are
// sent on to it, but for those from the terminal, which it gets by itself.
// Throws a Failure with status 126 or 127, as env(1) has it, if it cannot be
// run. For programs of one thread.
Outcome runCommand(const Launch &What);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_LAUNCH_H_
