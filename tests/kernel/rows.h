// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of what reference pages give: rows.inc, and how to read it.

#ifndef REFPAGE_TESTS_KERNEL_ROWS_H_
#define REFPAGE_TESTS_KERNEL_ROWS_H_

#include "tests/kernel/answer.h"
#include "tests/kernel/source.h"

#include <string>
#include <vector>

namespace refpage_test {

struct Row {
  const char *Group;
  // The probe's function, by which the test is called.
  const char *Name;
  const char *Question;
  // What each way is documented to answer, in rows.inc's words.
  const char *Expected[NumWays];
  Answer (*Probe)(const Source &);

  // Whether this way is asked. If not, the table has getRemark() in place of an
  // answer.
  bool isAskedOf(const Source &Of) const;
  const char *getRemark(const Source &Of) const;
  // The answer that is documented for the kernel that runs; "any" if each will
  // do.
  std::string expectedOf(const Source &Of) const;
};

const std::vector<Row> &listRows();

// Settings of the command line.
struct Settings {
  // Where files for direct I/O are made: a folder, or a block device.
  std::string Scratch = "/var/tmp";
};
Settings &settings();

// One probe a row. They run in a process of their own each (runProbe).
#define ROWS(Group)
#define ROW(Name, ...) Answer Name(const Source &From);
#include "tests/kernel/rows.inc"
#undef ROW
#undef ROWS

} // namespace refpage_test

#endif // REFPAGE_TESTS_KERNEL_ROWS_H_
