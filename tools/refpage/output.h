// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a report goes: to a file (--output), or else to a standard stream.

#ifndef REFPAGE_TOOLS_REFPAGE_OUTPUT_H_
#define REFPAGE_TOOLS_REFPAGE_OUTPUT_H_

#include <stdio.h>

#include <string>

namespace refpage {

class Output {
public:
  // Path: "" for the default. A file is made at once, so that one that cannot
  // be written is known before a command has run; throws a Failure.
  Output(const std::string &FilePath, FILE *DefaultStream);
  ~Output();
  Output(const Output &) = delete;
  void operator=(const Output &) = delete;

  FILE *get() const { return File ? File : Default; }
  // When all is written. Throws a Failure if it could not be.
  void finish();

private:
  const std::string Path;
  FILE *const Default;
  FILE *File = nullptr;
};

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_OUTPUT_H_
