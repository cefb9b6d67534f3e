// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tables of text that fit the terminal.

#ifndef REFPAGE_TOOLS_REFPAGE_TABLE_H_
#define REFPAGE_TOOLS_REFPAGE_TABLE_H_

#include <stddef.h>
#include <stdio.h>

#include <string>
#include <vector>

namespace refpage {

enum class Align { Left, Right };

struct Column {
  std::string Header;
  Align Alignment = Align::Left;
};

// What does not fit into the terminal is wrapped in columns of text
// (Align::Left), the widest first. Where there is no room even for that each
// row becomes a few lines "header: value" instead, where a column without a
// header goes on with the line before. Control characters in cells are shown as
// '?'.
class Table {
public:
  explicit Table(std::vector<Column> TableColumns)
      : Columns(std::move(TableColumns)) {}

  // As many cells as there are columns.
  void addRow(std::vector<std::string> Cells);
  bool isEmpty() const { return Rows.empty(); }

  void print(FILE *Stream) const;

private:
  template <typename F> std::vector<size_t> measure(F Measure) const;
  // The widths of the columns in a line of so many; false if there is no room.
  bool fit(size_t Room, std::vector<size_t> *Widths) const;
  void printRow(FILE *Stream, const std::vector<std::string> &Cells,
                const std::vector<size_t> &Widths, bool Bold) const;
  void printStacked(FILE *Stream) const;

  std::vector<Column> Columns;
  std::vector<std::vector<std::string>> Rows;
};

// Prints text wrapped to the terminal, lines after the first indented.
void printWrapped(FILE *Stream, const std::string &Text, size_t Indent = 0);

// Text without control characters, which could act on a terminal: for what
// comes from elsewhere, such as a process's name.
std::string makePrintable(std::string Text);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_TABLE_H_
