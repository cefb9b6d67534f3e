// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs that the static library is linked to, in each way that a program is
// linked: with shared libraries, without any, and without any at a random
// address.

#include "tests/support/emulator.h"

#include <gtest/gtest.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

using namespace refpage_test;

namespace {

class LinkedTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (getEmulator() && std::string(GetParam()) == "static_pie")
      GTEST_SKIP() << "such a program does not start under the emulator, with "
                      "this library or without";
  }

  std::string getPath(const std::string &Program) const {
    return "tests/allocator/" + Program + "_" + GetParam();
  }
  // What the program prints, on standard error too.
  std::string run(const std::string &Program,
                  const std::string &Environment = "") const {
    std::string Command = "env " + Environment + " ";
    if (getEmulator())
      Command += std::string(getEmulator()) + " ";
    Command += getPath(Program) + " 2>&1";
    std::string Output;
    FILE *Pipe = popen(Command.c_str(), "r");
    if (!Pipe)
      return "no pipe";
    char Text[4096];
    for (size_t N; (N = fread(Text, 1, sizeof(Text), Pipe)) > 0;)
      Output.append(Text, N);
    const int Status = pclose(Pipe);
    return Status == 0 ? Output
                       : Output + "status " + std::to_string(Status) + "\n";
  }
};

std::string reads(const std::string &Small, const std::string &Large) {
  return "small " + Small + "\nlarge " + Large + "\ncalloc 00\nbad_alloc\n";
}

TEST_P(LinkedTest, BlocksReadAsThePattern) {
  EXPECT_EQ(run("preloaded_program"), reads("ab", "ab"));
  EXPECT_EQ(run("preloaded_program", "REFPAGE_OPTIONS=pattern=5a"),
            reads("5a", "5a"));
  EXPECT_EQ(run("preloaded_program", "SCUDO_OPTIONS=zero_contents=true"),
            reads("00", "00"));
}

TEST_P(LinkedTest, WindowsServeLargeBlocks) {
  // With tags, an emulator that keeps none in files has no windows.
  const std::string Output =
      run("preloaded_program", "REFPAGE_OPTIONS=stats=1:tag=off");
  EXPECT_NE(Output.find("refpage:   memfd_window: 1 blocks, 10.0 MiB"),
            std::string::npos)
      << Output;
}

TEST_P(LinkedTest, ChildrenOfThreadedParentsAllocate) {
  EXPECT_EQ(run("threads_and_forks"), "20 of 20 children\n");
}

TEST_P(LinkedTest, AProgramCanReplaceThePlainOperatorsAlone) {
  EXPECT_EQ(run("replaced_operators"), "5 news, 5 deletes\n");
}

TEST_P(LinkedTest, AProgramCanHaveOptionsOfItsOwn) {
  EXPECT_EQ(run("default_options"), "00\n");
  EXPECT_EQ(run("default_options", "SCUDO_OPTIONS=zero_contents=false"),
            "ab\n");
}

// A copy of the program with the set-user-ID bit, run by another user with this
// environment.
class SetUserIdTest : public LinkedTest {
protected:
  void SetUp() override {
    if (getEmulator())
      GTEST_SKIP() << "the bit is lost on a program that is emulated";
    if (geteuid() != 0)
      GTEST_SKIP() << "only root can run programs as somebody else";
    Path = testing::TempDir() + "set_user_id_" + GetParam();
    const std::string Copy = "cp " + getPath("preloaded_program") + " " + Path;
    ASSERT_EQ(system(Copy.c_str()), 0);
  }
  void TearDown() override { unlink(Path.c_str()); }

  std::string runAsSetUserId(mode_t Bit, const char *Environment) {
    EXPECT_EQ(chmod(Path.c_str(), 0755 | Bit), 0);
    // By a descriptor: not everybody may be able to reach the folder.
    const int Program = open(Path.c_str(), O_RDONLY | O_CLOEXEC);
    int Ends[2];
    EXPECT_EQ(pipe(Ends), 0);
    const pid_t Pid = fork();
    if (Pid == 0) {
      char *const Arguments[] = {const_cast<char *>("program"), nullptr};
      char *const Variables[] = {const_cast<char *>(Environment), nullptr};
      constexpr uid_t Nobody = 65534;
      if (dup2(Ends[1], 1) != -1 && dup2(Ends[1], 2) != -1 &&
          close(Ends[0]) == 0 && setgid(Nobody) == 0 && setuid(Nobody) == 0)
        fexecve(Program, Arguments, Variables);
      _exit(127);
    }
    close(Program);
    close(Ends[1]);
    std::string Output;
    char Text[4096];
    for (ssize_t N; (N = read(Ends[0], Text, sizeof(Text))) > 0;)
      Output.append(Text, static_cast<size_t>(N));
    close(Ends[0]);
    int Status = -1;
    EXPECT_EQ(waitpid(Pid, &Status, 0), Pid);
    EXPECT_EQ(Status, 0);
    return Output;
  }

  std::string Path;
};

TEST_P(SetUserIdTest, RefpageOptionsAreIgnored) {
  const char *Options = "REFPAGE_OPTIONS=pattern=5a:nonsense=1:stats=1";
  EXPECT_NE(runAsSetUserId(0, Options).find("small 5a\n"), std::string::npos);
  EXPECT_EQ(runAsSetUserId(S_ISUID, Options), reads("ab", "ab"));
}

TEST_P(SetUserIdTest, ScudoOptionsAreIgnored) {
  const char *Options = "SCUDO_OPTIONS=zero_contents=true";
  EXPECT_EQ(runAsSetUserId(0, Options), reads("00", "00"));
  EXPECT_EQ(runAsSetUserId(S_ISUID, Options), reads("ab", "ab"));
}

TEST_P(SetUserIdTest, SoTheyAreOfAnotherGroup) {
  EXPECT_EQ(runAsSetUserId(S_ISGID, "REFPAGE_OPTIONS=pattern=5a"),
            reads("ab", "ab"));
}

TEST_P(SetUserIdTest, SoTheyAreWithFileCapabilities) {
  vfs_cap_data Capabilities = {};
  Capabilities.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  Capabilities.data[0].permitted = 1U << CAP_CHOWN;
  if (setxattr(Path.c_str(), "security.capability", &Capabilities,
               sizeof(Capabilities), 0) != 0)
    GTEST_SKIP() << "no capabilities for files here: " << strerror(errno);
  EXPECT_EQ(runAsSetUserId(0, "REFPAGE_OPTIONS=pattern=5a"), reads("ab", "ab"));
}

const auto ByName = [](const auto &Info) { return std::string(Info.param); };

INSTANTIATE_TEST_SUITE_P(, LinkedTest,
                         testing::Values("linked", "static", "static_pie"),
                         ByName);
INSTANTIATE_TEST_SUITE_P(, SetUserIdTest,
                         testing::Values("linked", "static", "static_pie"),
                         ByName);

} // namespace
