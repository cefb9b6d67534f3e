// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program that runs with more rights than who started it takes no options
// from the environment.

#include "tests/support/emulator.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace refpage_test;

namespace {

constexpr char Program[] = "tests/allocator/secure_program";

std::string run(const std::string &Command) {
  std::string Output;
  FILE *Pipe = popen(Command.c_str(), "r");
  char Text[256];
  while (Pipe && fgets(Text, sizeof(Text), Pipe))
    Output += Text;
  if (Pipe)
    pclose(Pipe);
  return Output;
}

// An identity that the copy shall have and we do not: as root anybody else, or
// else one of our other groups.
bool giveAway(int Fd) {
  if (fchown(Fd, 65534, static_cast<gid_t>(-1)) == 0)
    return fchmod(Fd, 04755) == 0;
  gid_t Groups[64];
  const int Count = getgroups(64, Groups);
  for (int I = 0; I < Count; I++)
    if (Groups[I] != getgid() &&
        fchown(Fd, static_cast<uid_t>(-1), Groups[I]) == 0)
      return fchmod(Fd, 02755) == 0;
  return false;
}

TEST(SecureExecutionTest, OptionsOfTheEnvironmentAreIgnored) {
  if (getEmulator())
    GTEST_SKIP() << "the emulator is what the kernel would run";
  ASSERT_EQ(run(std::string("REFPAGE_OPTIONS=pattern=cd ") + Program),
            "secure 0, holds cd\n");

  std::string Copy = testing::TempDir() + "/secure_program.XXXXXX";
  const int To = mkstemp(&Copy[0]);
  ASSERT_NE(To, -1);
  const int From = open(Program, O_RDONLY | O_CLOEXEC);
  ASSERT_NE(From, -1);
  struct stat Status;
  ASSERT_EQ(fstat(From, &Status), 0);
  const auto Size = static_cast<size_t>(Status.st_size);
  ASSERT_EQ(sendfile(To, From, nullptr, Size), Status.st_size);
  close(From);
  const bool IsGivenAway = giveAway(To);
  close(To);
  const std::string Output = run("REFPAGE_OPTIONS=pattern=cd " + Copy);
  unlink(Copy.c_str());
  if (!IsGivenAway || Output.rfind("secure 0", 0) == 0)
    GTEST_SKIP() << "no other identity to be had here";
  EXPECT_EQ(Output, "secure 1, holds ab\n");
}

} // namespace
