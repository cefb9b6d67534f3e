// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A line that says what goes on, on stderr, and goes again; only on a terminal.

#ifndef REFPAGE_TOOLS_REFPAGE_PROGRESS_H_
#define REFPAGE_TOOLS_REFPAGE_PROGRESS_H_

#include <string>

namespace refpage {

class Progress {
public:
  Progress();
  ~Progress() { clear(); }
  Progress(const Progress &) = delete;
  void operator=(const Progress &) = delete;

  void show(const std::string &Text);
  // Before something else is written there.
  void clear();

private:
  const bool IsShown;
  bool IsOnLine = false;
};

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_PROGRESS_H_
