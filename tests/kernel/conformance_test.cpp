// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What reference pages give to a program, asked of the kernel row by row
// (rows.inc) and compared with what is documented.
//
//   conformance_test --source=memfd|device|device-unaccounted|device-fresh|
//                             syscall|anonymous
//       A test for each row. A source that is not there is a failure.
//   conformance_test --table
//       What each source on this machine answers, as a table in Markdown. The
//       exit status is 1, and what differs is named below the table, if an
//       answer is not the documented one.
//
//   --scratch=PATH   a folder for files of direct I/O, or a block device, whose
//                    first pages are overwritten (default /var/tmp)

#include "tests/kernel/block.h"
#include "tests/kernel/rows.h"
#include "tests/support/emulator.h"

#include <gtest/gtest.h>

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

namespace refpage_test {

static void PrintTo(const Row *R, std::ostream *Stream) {
  *Stream << R->Question;
}

namespace {

// Some copy a GiB, on machines that are emulated.
constexpr unsigned MaxSeconds = 300;

Source &chosen() {
  static Source Chosen(Way::Memfd);
  return Chosen;
}

Answer ask(const Row &R, const Source &Of) {
  return runProbe(MaxSeconds, [&] { return R.Probe(Of); });
}

bool isAsDocumented(const Row &R, const Source &Of, const Answer &Found) {
  const std::string Expected = R.expectedOf(Of);
  return Found.isUnknown() || Found.Value == Expected ||
         (Expected == "any" && Found.Value != "error");
}

class ConformanceTest : public testing::TestWithParam<const Row *> {
protected:
  void SetUp() override {
    if (getEmulator())
      GTEST_SKIP() << "the kernel is asked, and the emulator is none";
  }
};

TEST_P(ConformanceTest, IsAsDocumented) {
  const Row &R = *GetParam();
  const Answer Found = ask(R, chosen());
  if (Found.isUnknown())
    GTEST_SKIP() << Found.Detail;
  EXPECT_TRUE(isAsDocumented(R, chosen(), Found))
      << R.Question << ": " << Found.Value << ", documented as "
      << R.expectedOf(chosen()) << "; " << Found.Detail;
}

TEST(SourceTest, IsThere) {
  const std::string Why = chosen().whyMissing();
  EXPECT_TRUE(Why.empty()) << chosen().name() << ": " << Why;
}

// The rows that are asked of the source: called after the command line is read.
std::vector<const Row *> listAsked() {
  std::vector<const Row *> Asked;
  for (const Row &R : listRows())
    if (R.isAskedOf(chosen()))
      Asked.push_back(&R);
  return Asked;
}

INSTANTIATE_TEST_SUITE_P(Rows, ConformanceTest, testing::ValuesIn(listAsked()),
                         [](const auto &Info) {
                           return std::string(Info.param->Name);
                         });

// Returns whether all answers are those of the documentation.
bool printTable() {
  std::vector<Source> There;
  for (const Source &S : listSources())
    if (S.whyMissing().empty())
      There.push_back(S);
  utsname Name;
  uname(&Name);
  printf("<!-- %s %s -->\n| |", Name.machine, Name.release);
  for (const Source &S : There)
    printf(" %s |", S.name());
  printf("\n|---|");
  for (size_t I = 0; I != There.size(); I++)
    printf("---|");
  printf("\n");
  const char *Group = "";
  std::string Differences;
  for (const Row &R : listRows()) {
    if (strcmp(Group, R.Group) != 0) {
      Group = R.Group;
      printf("| **%s** |", Group);
      for (size_t I = 0; I != There.size(); I++)
        printf(" |");
      printf("\n");
    }
    printf("| %s |", R.Question);
    for (const Source &S : There) {
      if (!R.isAskedOf(S)) {
        printf(" %s |", R.getRemark(S));
        continue;
      }
      const Answer Found = ask(R, S);
      printf(" %s |", Found.Value.c_str());
      fflush(stdout);
      if (!isAsDocumented(R, S, Found))
        Differences += std::string("<!-- ") + S.name() + ": " + R.Name +
                       " is documented as " + R.expectedOf(S) + "; " +
                       Found.Detail + " -->\n";
    }
    printf("\n");
  }
  printf("%s", Differences.c_str());
  return Differences.empty();
}

} // namespace
} // namespace refpage_test

int main(int Count, char **Arguments) {
  using namespace refpage_test;
  bool IsTable = false;
  // Before GoogleTest makes the list of tests.
  for (int I = 1; I != Count; I++) {
    const std::string Argument = Arguments[I];
    const size_t Equals = Argument.find('=');
    const std::string Key = Argument.substr(0, Equals);
    const std::string Value =
        Equals == std::string::npos ? "" : Argument.substr(Equals + 1);
    if (Key == "--table") {
      IsTable = true;
    } else if (Key == "--scratch") {
      settings().Scratch = Value;
    } else if (Key == "--source") {
      if (!findSource(Value, &chosen())) {
        fprintf(stderr, "there is no source '%s'\n", Value.c_str());
        return 2;
      }
    } else if (Argument.rfind("--gtest_", 0) != 0) {
      fprintf(stderr, "unknown option '%s'\n", Arguments[I]);
      return 2;
    }
  }
  allowUnaccounted(true);
  if (IsTable) {
    return printTable() ? 0 : 1;
  }
  testing::InitGoogleTest(&Count, Arguments);
  // One failure says more than a hundred.
  if (!chosen().whyMissing().empty())
    testing::GTEST_FLAG(filter) = "SourceTest.*";
  return RUN_ALL_TESTS();
}
