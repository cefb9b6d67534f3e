// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/progress.h"

#include "tools/refpage/table.h"
#include "tools/refpage/terminal.h"

namespace refpage {
Progress::Progress() : IsShown(mayMoveCursor(stderr)) {}

void Progress::show(const std::string &Text) {
  if (!IsShown)
    return;
  clear();
  // One that is wrapped could not be taken back.
  fprintf(stderr, "%s",
          makePrintable(Text.substr(0, getWidth(stderr) - 1)).c_str());
  fflush(stderr);
  IsOnLine = true;
}

void Progress::clear() {
  if (IsOnLine)
    fprintf(stderr, "\r\033[K");
  fflush(stderr);
  IsOnLine = false;
}

} // namespace refpage
