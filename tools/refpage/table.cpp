// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/table.h"

#include "tools/refpage/terminal.h"

#include <algorithm>
#include <numeric>

namespace refpage {
namespace {

constexpr size_t Gap = 2;
// A column of text that is narrower is not worth reading.
constexpr size_t LeastTextWidth = 16;

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

size_t getLongestWord(const std::string &Text) {
  size_t Longest = 0;
  for (const std::string &Word : wrap(Text, 0))
    Longest = std::max(Longest, getTextWidth(Word));
  return Longest;
}

void printLine(FILE *Stream, std::string Line, bool Bold = false) {
  Line.erase(Line.find_last_not_of(' ') + 1);
  fprintf(Stream, Bold ? "\033[1m%s\033[0m\n" : "%s\n", Line.c_str());
}

} // namespace

// Control characters of ASCII, and those that UTF-8 has in two bytes (C1),
// which some terminals act on, too.
std::string makePrintable(std::string Text) {
  for (size_t I = 0; I + 1 < Text.size(); I++)
    if (Text[I] == '\xc2' && (Text[I + 1] & '\xe0') == '\x80')
      Text.replace(I, 2, "?");
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

// How wide each column is if every text gets what Measure(text) says.
template <typename F> std::vector<size_t> Table::measure(F Measure) const {
  std::vector<size_t> Widths;
  Widths.reserve(Columns.size());
  for (const Column &C : Columns)
    Widths.push_back(Measure(C.Header));
  for (const auto &Row : Rows)
    for (size_t I = 0; I != Row.size(); I++)
      Widths[I] = std::max(Widths[I], Measure(Row[I]));
  return Widths;
}

bool Table::fit(size_t Room, std::vector<size_t> *Widths) const {
  *Widths = measure(getTextWidth);
  const std::vector<size_t> Words = measure(getLongestWord);
  size_t Used = std::accumulate(Widths->begin(), Widths->end(), size_t{0}) +
                Gap * (Columns.size() - 1);
  for (; Used > Room; Used--) {
    size_t *Widest = nullptr;
    for (size_t I = 0; I != Columns.size(); I++)
      if (Columns[I].Alignment == Align::Left &&
          (*Widths)[I] > std::max(Words[I], LeastTextWidth) &&
          (!Widest || (*Widths)[I] > *Widest))
        Widest = &(*Widths)[I];
    if (!Widest)
      return false;
    --*Widest;
  }
  return true;
}

void Table::printRow(FILE *Stream, const std::vector<std::string> &Cells,
                     const std::vector<size_t> &Widths, bool Bold) const {
  std::vector<std::vector<std::string>> Wrapped;
  size_t Lines = 1;
  for (size_t I = 0; I != Cells.size(); I++) {
    Wrapped.push_back(Columns[I].Alignment == Align::Left
                          ? wrap(Cells[I], Widths[I])
                          : std::vector<std::string>{Cells[I]});
    Lines = std::max(Lines, Wrapped.back().size());
  }
  for (size_t L = 0; L != Lines; L++) {
    std::string Line;
    for (size_t I = 0; I != Cells.size(); I++)
      Line += std::string(I ? Gap : 0, ' ') +
              pad(L < Wrapped[I].size() ? Wrapped[I][L] : "", Widths[I],
                  Columns[I].Alignment);
    printLine(Stream, Line, Bold);
  }
}

void Table::print(FILE *Stream) const {
  std::vector<size_t> Widths;
  if (!fit(getWidth(Stream), &Widths)) {
    printStacked(Stream);
    return;
  }
  std::vector<std::string> Headers;
  Headers.reserve(Columns.size());
  for (const Column &C : Columns)
    Headers.push_back(C.Header);
  printRow(Stream, Headers, Widths, mayUseBold(Stream));
  for (const auto &Row : Rows)
    printRow(Stream, Row, Widths, false);
}

void Table::printStacked(FILE *Stream) const {
  bool First = true;
  for (const auto &Row : Rows) {
    if (!First)
      fputc('\n', Stream);
    First = false;
    std::string Line;
    for (size_t I = 0; I != Row.size(); I++) {
      if (Row[I].empty())
        continue;
      if (!Columns[I].Header.empty()) {
        if (!Line.empty())
          printWrapped(Stream, Line, Gap);
        Line = Columns[I].Header + ":";
      }
      Line += " " + Row[I];
    }
    printWrapped(Stream, Line, Gap);
  }
}

} // namespace refpage
