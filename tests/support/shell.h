// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Other programs, as a shell runs them.

#ifndef REFPAGE_TESTS_SUPPORT_SHELL_H_
#define REFPAGE_TESTS_SUPPORT_SHELL_H_

#include <string>

namespace refpage_test {

// What the command prints, on standard error too; and if it fails, a last line
// "status N", as of waitpid().
std::string runShell(const std::string &Command);

// What comes before a program of the tested architecture in a command: these
// variables, and the emulator if there is one, which does not take them for its
// own.
std::string withVariables(const std::string &Variables);

} // namespace refpage_test

#endif // REFPAGE_TESTS_SUPPORT_SHELL_H_
