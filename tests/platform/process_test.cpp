// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/process.h"

#include "tests/support/child.h"
#include "tests/support/emulator.h"
#include "tests/support/seccomp.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <fstream>
#include <grp.h>
#include <iterator>
#include <linux/seccomp.h>
#include <string.h>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

using namespace refpage;
using namespace refpage_test;

namespace {

std::string readPipe(int Fd) {
  char Text[256];
  const ssize_t Length = read(Fd, Text, sizeof(Text));
  return Length > 0 ? std::string(Text, Text + Length) : std::string();
}

class KeptStreamTest : public testing::Test {
protected:
  void SetUp() override {
    OldStderr = dup(2);
    ASSERT_EQ(pipe(Pipe), 0);
    dup2(Pipe[1], 2);
  }
  void TearDown() override {
    dup2(OldStderr, 2);
    close(OldStderr);
    close(Pipe[0]);
    close(Pipe[1]);
  }
  int OldStderr = -1;
  int Pipe[2] = {};
};

TEST_F(KeptStreamTest, OutlivesTheProgramsClose) {
  KeptStream Kept;
  Kept.keepStderr();
  close(2);
  Kept.write("text", 4);
  EXPECT_EQ(readPipe(Pipe[0]), "text");
}

TEST_F(KeptStreamTest, IsNotWrittenToAFileOfTheProgram) {
  KeptStream Kept;
  Kept.keepStderr();
  int Own[2];
  ASSERT_EQ(pipe(Own), 0);
  // All closed, and descriptor 2 is a file of the program's now.
  dup2(Own[1], 2);
  for (int Number = 900; Number != 1024; Number++)
    close(Number);
  Kept.write("text", 4);
  close(Own[1]);
  dup2(Pipe[1], 2);
  EXPECT_EQ(readPipe(Own[0]), "");
  close(Own[0]);
}

TEST_F(KeptStreamTest, FallsBackToDescriptorTwo) {
  KeptStream NeverKept;
  NeverKept.write("text", 4);
  EXPECT_EQ(readPipe(Pipe[0]), "text");
}

class KeptFileTest : public testing::Test {
protected:
  void TearDown() override { unlink(Path.c_str()); }
  std::string read() {
    std::ifstream File(Path);
    return std::string(std::istreambuf_iterator<char>(File), {});
  }
  std::string Path = testing::TempDir() + "kept_file_test";
};

TEST_F(KeptFileTest, IsMadeAndAppendedTo) {
  KeptStream First;
  KeptStream Second;
  ASSERT_EQ(First.keepFile(Path.c_str()), 0);
  ASSERT_EQ(Second.keepFile(Path.c_str()), 0);
  Second.write("two ", 4);
  First.write("one", 3);
  EXPECT_EQ(read(), "two one");
}

TEST_F(KeptFileTest, IsNotWrittenToAFileOfTheProgram) {
  KeptStream Kept;
  ASSERT_EQ(Kept.keepFile(Path.c_str()), 0);
  for (int Number = 3; Number != 1024; Number++)
    close(Number);
  int Own[2];
  ASSERT_EQ(pipe(Own), 0);
  for (int Number = 900; Number != 1024; Number++)
    dup2(Own[1], Number);
  Kept.write("text", 4);
  for (int Number = 900; Number != 1024; Number++)
    close(Number);
  close(Own[1]);
  EXPECT_EQ(readPipe(Own[0]), "");
  EXPECT_EQ(read(), "");
  close(Own[0]);
}

TEST_F(KeptFileTest, ThatCannotBeMadeIsAnError) {
  KeptStream Kept;
  EXPECT_EQ(Kept.keepFile("/nowhere/file"), ENOENT);
}

TEST(ProcessTest, TrustedEnvIsTheEnvironment) {
  setenv("REFPAGE_TEST_VARIABLE", "value", 1);
  EXPECT_STREQ(getTrustedEnv("REFPAGE_TEST_VARIABLE"), "value");
  unsetenv("REFPAGE_TEST_VARIABLE");
  EXPECT_EQ(getTrustedEnv("REFPAGE_TEST_VARIABLE"), nullptr);
}

TEST(ProcessTest, KnowsItsName) {
  EXPECT_EQ(getProcessName().Text, getKernelName("process_test"));
  EXPECT_EQ(getProcessId(), getpid());
}

TEST(ProcessTest, ItsNameHasNothingForTheTerminal) {
  char Before[16];
  ASSERT_EQ(prctl(PR_GET_NAME, Before), 0);
  ASSERT_EQ(prctl(PR_SET_NAME, "a\x1b[31m\nb"), 0);
  EXPECT_STREQ(getProcessName().Text, "a?[31m?b");
  ASSERT_EQ(prctl(PR_SET_NAME, Before), 0);
}

constexpr unsigned MaxSeconds = 20;

TEST(SeccompFilterTest, IsSeen) {
  if (!canFilterCalls())
    GTEST_SKIP() << "the emulator has no system call filters";
  runInChild(MaxSeconds, [] {
    // Whoever runs the tests may have one.
    EXPECT_EQ(hasSeccompFilter(), prctl(PR_GET_SECCOMP) != 0);
    installFilter({}, SECCOMP_RET_ALLOW);
    EXPECT_TRUE(hasSeccompFilter());
  });
}

// The file that tells lists the groups first.
TEST(SeccompFilterTest, IsSeenBehindManyGroups) {
  if (!canFilterCalls())
    GTEST_SKIP() << "the emulator has no system call filters";
  runInChild(MaxSeconds, [] {
    std::vector<gid_t> Groups(2000);
    for (size_t I = 0; I != Groups.size(); I++)
      Groups[I] = static_cast<gid_t>(100000 + I);
    if (setgroups(Groups.size(), Groups.data()) != 0)
      return; // No right to.
    installFilter({}, SECCOMP_RET_ALLOW);
    EXPECT_TRUE(hasSeccompFilter());
  });
}

// Then nobody knows.
TEST(SeccompFilterTest, IsSuspectedWhereItCannotBeSeen) {
  runInChild(MaxSeconds, [] {
    const rlimit None = {};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &None), 0);
    EXPECT_TRUE(hasSeccompFilter());
  });
}

} // namespace
