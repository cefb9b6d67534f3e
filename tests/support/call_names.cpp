// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/support/call_names.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <fstream>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <linux/prctl.h>
#include <map>
#include <signal.h>
#include <sstream>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace refpage_test {
namespace {

struct NamedNumber {
  const char *Name;
  long Number;
};

// Made from the lists: "name", __NR_name where there is one.
constexpr NamedNumber Calls[] = {
#include "tests/support/call_numbers.inc"
};

// What docs/syscalls.md names.
const std::map<std::string, unsigned> Values = {
#define VALUE(Name) {#Name, static_cast<unsigned>(Name)}
    VALUE(PROT_EXEC),
    VALUE(MREMAP_DONTUNMAP),
    VALUE(MADV_DONTNEED),
    VALUE(MADV_HUGEPAGE),
    VALUE(MADV_WIPEONFORK),
    {"MADV_POPULATE_WRITE", 23},
    VALUE(F_DUPFD_CLOEXEC),
    VALUE(F_ADD_SEALS),
    VALUE(F_GETFL),
    VALUE(F_GET_SEALS),
    VALUE(O_WRONLY),
    VALUE(O_RDWR),
    VALUE(O_CREAT),
    VALUE(O_TRUNC),
    VALUE(MFD_HUGETLB),
    VALUE(FUTEX_WAIT_PRIVATE),
    VALUE(FUTEX_WAKE_PRIVATE),
    VALUE(GRND_NONBLOCK),
    VALUE(PR_GET_NAME),
    VALUE(PR_GET_TAGGED_ADDR_CTRL),
    VALUE(PR_SET_TAGGED_ADDR_CTRL),
    {"PAGEMAP_SCAN", 0xc0606610},
    {"REFPAGE_IOC_CREATE", 0x4018bc01},
#undef VALUE
};

// What stands between backquotes.
std::vector<std::string> getQuoted(const std::string &Text) {
  std::vector<std::string> Found;
  for (size_t Start = 0, End;
       (Start = Text.find('`', Start)) != std::string::npos &&
       (End = Text.find('`', Start + 1)) != std::string::npos;
       Start = End + 1)
    Found.push_back(Text.substr(Start + 1, End - Start - 1));
  return Found;
}

std::vector<std::string> getCells(const std::string &Row) {
  std::vector<std::string> Cells;
  std::istringstream Parts(Row.substr(1));
  for (std::string Cell; std::getline(Parts, Cell, '|');)
    Cells.push_back(Cell);
  return Cells;
}

void nameAndExit(int, siginfo_t *Info, void *) {
  char Text[100];
  snprintf(Text, sizeof(Text), "system call %d (%s) is not allowed\n",
           Info->si_syscall, getCallName(Info->si_syscall));
  (void)!write(2, Text, strlen(Text));
  _exit(98);
}

} // namespace

long getCallNumber(const std::string &Name) {
  for (const NamedNumber &Call : Calls)
    if (Name == Call.Name)
      return Call.Number;
  return -1;
}

const char *getCallName(long Number) {
  for (const NamedNumber &Call : Calls)
    if (Call.Number == Number)
      return Call.Name;
  return "?";
}

std::vector<AllowedCall> readSandbox(const std::string &Name) {
  std::ifstream File("tests/support/sandboxes/" + Name + ".txt");
  EXPECT_TRUE(File) << Name;
  std::vector<AllowedCall> List;
  for (std::string Line; std::getline(File, Line);) {
    if (Line[0] == '#')
      continue;
    std::istringstream Words(Line);
    for (std::string Word; Words >> Word;)
      if (const long Number = getCallNumber(Word); Number != -1)
        List.push_back({Number});
  }
  return List;
}

std::vector<AllowedCall> readDocumentedCalls() {
  std::ifstream File("docs/syscalls.md");
  EXPECT_TRUE(File);
  std::vector<AllowedCall> List;
  std::string Line;
  while (std::getline(File, Line) && Line != "## As a filter") {
  }
  while (std::getline(File, Line) && Line.rfind("## ", 0) != 0) {
    if (Line.rfind("| `", 0) != 0)
      continue;
    const std::vector<std::string> Cells = getCells(Line);
    AllowedCall Rule = {-1};
    if (Cells.size() != 3) {
      ADD_FAILURE() << Line;
      continue;
    }
    std::istringstream(Cells[1]) >> Rule.Argument; // From 1, or a dash.
    if (Rule.Argument) {
      Rule.Argument--;
      Rule.If = Cells[2].find("none of") != std::string::npos
                    ? AllowedCall::NoneOf
                    : AllowedCall::OneOf;
      for (const std::string &Name : getQuoted(Cells[2])) {
        const auto Value = Values.find(Name);
        if (Value == Values.end())
          ADD_FAILURE() << Name;
        else
          Rule.Values.push_back(Value->second);
      }
      EXPECT_FALSE(Rule.Values.empty()) << Line;
    }
    for (const std::string &Name : getQuoted(Cells[0])) {
      Rule.Number = getCallNumber(Name);
      EXPECT_NE(Rule.Number, -1) << Name;
      List.push_back(Rule);
    }
  }
  EXPECT_FALSE(List.empty());
  return List;
}

void nameTrappedCalls() {
  struct sigaction Action = {};
  Action.sa_sigaction = nameAndExit;
  Action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &Action, nullptr);
}

} // namespace refpage_test
