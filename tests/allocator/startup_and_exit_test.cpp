// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The heap is there whenever a process runs code of its own: before main(), in
// destructors of threads and libraries, after the exit handlers.

#include "tests/support/emulator.h"
#include "tests/support/shell.h"

#include <gtest/gtest.h>

using namespace refpage_test;

namespace {

// How the program has got this malloc.
class StartupAndExitTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (getEmulator() && std::string(GetParam()) == "static_pie")
      GTEST_SKIP() << "such a program does not start under the emulator, with "
                      "this library or without";
  }

  static bool isStatic() { return std::string(GetParam()).find("static") == 0; }

  static std::string run(const std::string &Arguments) {
    const std::string Program = "tests/allocator/startup_and_exit";
    if (std::string(GetParam()) == "preloaded")
      return runShell(
          withVariables("LD_PRELOAD=$PWD/allocator/libscudo_refpage.so") +
          Program + " " + Arguments);
    return runShell(withVariables("") + Program + "_" + GetParam() + " " +
                    Arguments);
  }

  static std::string getStart() {
    return "preinit\nconstructor 101\nconstructor\nstatic\nmain\n";
  }
  static std::string getThread() {
    return "thread\nend of thread_local\nend of key\nend of key\nend of key\n"
           "end of key\n";
  }
  static std::string getEnd() {
    return "on_exit\natexit\nend of static\ndestructor\ndestructor 101\n";
  }
};

TEST_P(StartupAndExitTest, TheHeapIsThereFromTheFirstToTheLast) {
  EXPECT_EQ(run(""), getStart() + getThread() + getEnd());
}

TEST_P(StartupAndExitTest, OfAProgramThatQuits) {
  EXPECT_EQ(run("'' quick_exit"), getStart() + getThread() + "at_quick_exit\n");
}

TEST_P(StartupAndExitTest, OfLibrariesThatAreLoadedMeanwhile) {
  if (isStatic())
    GTEST_SKIP() << "a static program loads none";
  EXPECT_EQ(run("$PWD/tests/allocator/libloaded.so"),
            getStart() + getThread() + "after a library\n" +
                "after a library bound to itself\n" + getEnd());
}

INSTANTIATE_TEST_SUITE_P(, StartupAndExitTest,
                         testing::Values("preloaded", "linked", "static",
                                         "static_pie"),
                         [](const auto &Info) {
                           return std::string(Info.param);
                         });

} // namespace
