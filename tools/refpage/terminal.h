// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a stream leads to: a terminal of some width, or a file or pipe.

#ifndef REFPAGE_TOOLS_REFPAGE_TERMINAL_H_
#define REFPAGE_TOOLS_REFPAGE_TERMINAL_H_

#include <stddef.h>
#include <stdio.h>

namespace refpage {

bool isTerminal(FILE *Stream);

// Columns that a line may have: of the terminal; else $COLUMNS; else as many as
// it takes, so that tools that read lines find whole ones.
size_t getWidth(FILE *Stream);

// Whether bold face may be used: on a terminal, unless it is a dumb one or
// NO_COLOR is set (https://no-color.org).
bool mayUseBold(FILE *Stream);

// Whether the cursor can be moved: on a terminal that is not a dumb one.
bool mayMoveCursor(FILE *Stream);

// Empties the screen and goes to its top, where mayMoveCursor().
void clearScreen(FILE *Stream);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_TERMINAL_H_
