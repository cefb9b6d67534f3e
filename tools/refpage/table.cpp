// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/table.h"

#include "tools/refpage/terminal.h"

#include <algorithm>
#include <numeric>

namespace refpage {
namespace {

constexpr size_t Gap = 2;
// A column of text that is narrower is not worth reading.
constexpr size_t LeastTextWidth = 24;

// Columns of the terminal, for text whose characters all are one wide: UTF-8's
// bytes of 10xxxxxx begin none.
size_t getTextWidth(const std::string &Text) {
  return static_cast<size_t>(
      std::count_if(Text.begin(), Text.end(), [](char C) {
        return (static_cast<unsigned char>(C) & 0xc0) != 0x80;
      }));
}

// Lines of at most Width columns, broken at spaces where there are any.
std::vector<std::string> wrap(const std::string &Text, size_t Width) {
  std::vector<std::string> Lines(1);
  size_t Start = 0;
  while (Start < Text.size()) {
    const size_t End = std::min(Text.find(' ', Start), Text.size());
    const std::string Word = Text.substr(Start, End - Start);
    std::string &Line = Lines.back();
    if (Line.empty())
      Line = Word;
    else if (getTextWidth(Line) + 1 + getTextWidth(Word) <= Width)
      Line += " " + Word;
    else
      Lines.push_back(Word);
    Start = End + 1;
  }
  return Lines;
}

std::string pad(const std::string &Text, size_t Width, Align Alignment) {
  const size_t Used = getTextWidth(Text);
  const std::string Spaces(Width > Used ? Width - Used : 0, ' ');
  return Alignment == Align::Left ? Text + Spaces : Spaces + Text;
}

void printLine(FILE *Stream, std::string Line) {
  Line.erase(Line.find_last_not_of(' ') + 1);
  fprintf(Stream, "%s\n", Line.c_str());
}

} // namespace

std::string makePrintable(std::string Text) {
  std::replace_if(
      Text.begin(), Text.end(),
      [](char C) { return static_cast<unsigned char>(C) < ' ' || C == 0x7f; },
      '?');
  return Text;
}

void printWrapped(FILE *Stream, const std::string &Text, size_t Indent) {
  const size_t Width = getWidth(Stream);
  bool First = true;
  for (const std::string &Line :
       wrap(Text, Width > Indent + LeastTextWidth ? Width - Indent : Width)) {
    printLine(Stream, std::string(First ? 0 : Indent, ' ') + Line);
    First = false;
  }
}

void Table::addRow(std::vector<std::string> Cells) {
  std::transform(Cells.begin(), Cells.end(), Cells.begin(), makePrintable);
  Cells.resize(Columns.size());
  Rows.push_back(std::move(Cells));
}

std::vector<size_t> Table::measure() const {
  std::vector<size_t> Widths;
  for (const Column &C : Columns)
    Widths.push_back(getTextWidth(C.Header));
  for (const auto &Row : Rows)
    for (size_t I = 0; I != Row.size(); I++)
      Widths[I] = std::max(Widths[I], getTextWidth(Row[I]));
  return Widths;
}

void Table::print(FILE *Stream) const {
  std::vector<size_t> Widths = measure();
  const size_t Room = getWidth(Stream);
  const size_t Fixed =
      std::accumulate(Widths.begin(), Widths.end() - 1, size_t{0}) +
      Gap * (Widths.size() - 1);
  if (Room < Fixed + Widths.back()) {
    if (Columns.back().Alignment == Align::Right ||
        Room < Fixed + std::min(LeastTextWidth, Widths.back())) {
      printStacked(Stream);
      return;
    }
    Widths.back() = Room - Fixed;
  }

  const bool Bold = mayUseBold(Stream);
  std::string Header;
  for (size_t I = 0; I != Columns.size(); I++)
    Header += pad(Columns[I].Header, Widths[I], Columns[I].Alignment) +
              std::string(I + 1 == Columns.size() ? 0 : Gap, ' ');
  Header.erase(Header.find_last_not_of(' ') + 1);
  fprintf(Stream, Bold ? "\033[1m%s\033[0m\n" : "%s\n", Header.c_str());

  for (const auto &Row : Rows) {
    std::string Line;
    for (size_t I = 0; I + 1 != Row.size(); I++)
      Line +=
          pad(Row[I], Widths[I], Columns[I].Alignment) + std::string(Gap, ' ');
    for (const std::string &Part : wrap(Row.back(), Widths.back())) {
      printLine(Stream,
                Line + pad(Part, Widths.back(), Columns.back().Alignment));
      Line.assign(Fixed, ' ');
    }
  }
}

void Table::printStacked(FILE *Stream) const {
  bool First = true;
  for (const auto &Row : Rows) {
    if (!First)
      fputc('\n', Stream);
    First = false;
    for (size_t I = 0; I != Row.size(); I++)
      if (!Row[I].empty())
        printWrapped(Stream, Columns[I].Header + ": " + Row[I], Gap);
  }
}

} // namespace refpage
