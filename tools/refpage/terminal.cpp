// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/terminal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace refpage {

bool isTerminal(FILE *Stream) { return isatty(fileno(Stream)); }

size_t getWidth(FILE *Stream) {
  winsize Size = {};
  if (ioctl(fileno(Stream), TIOCGWINSZ, &Size) == 0 && Size.ws_col)
    return Size.ws_col;
  const char *Columns = getenv("COLUMNS");
  const unsigned long Width = Columns ? strtoul(Columns, nullptr, 10) : 0;
  return Width ? Width : SIZE_MAX;
}

bool mayUseBold(FILE *Stream) {
  const char *NoColour = getenv("NO_COLOR");
  return mayMoveCursor(Stream) && !(NoColour && *NoColour);
}

bool mayMoveCursor(FILE *Stream) {
  const char *Kind = getenv("TERM");
  return isTerminal(Stream) && Kind && strcmp(Kind, "dumb") != 0;
}

void clearScreen(FILE *Stream) { fputs("\033[H\033[2J", Stream); }

} // namespace refpage
