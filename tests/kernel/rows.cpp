// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/kernel/rows.h"

#include "tests/kernel/block.h"

#include <stdio.h>
#include <string.h>

namespace refpage_test {

bool Row::isAskedOf(const Source &Of) const {
  const char First = getRemark(Of)[0];
  return First != '\0' && First != '(';
}

const char *Row::getRemark(const Source &Of) const {
  return Expected[static_cast<size_t>(Of.way())];
}

std::string Row::expectedOf(const Source &Of) const {
  std::string Cell = Expected[static_cast<size_t>(Of.way())];
  const size_t Bar = Cell.find('|');
  if (Bar == std::string::npos)
    return Cell;
  int Major = 0, Minor = 0, Length = 0;
  if (sscanf(Cell.c_str() + Bar, "|%d.%d:%n", &Major, &Minor, &Length) != 2)
    return "a cell that cannot be read: " + Cell;
  return getKernelVersion() < 100 * Major + Minor
             ? Cell.substr(0, Bar)
             : Cell.substr(Bar + static_cast<size_t>(Length));
}

const std::vector<Row> &listRows() {
  static const std::vector<Row> All = [] {
    std::vector<Row> Rows;
    const char *Current = "";
#define ROWS(Group) Current = Group;
#define ROW(Name, Question, ...)                                               \
  Rows.push_back({Current, #Name, Question, {__VA_ARGS__}, Name});
#include "tests/kernel/rows.inc"
#undef ROW
#undef ROWS
    return Rows;
  }();
  return All;
}

Settings &settings() {
  static Settings Only;
  return Only;
}

} // namespace refpage_test
