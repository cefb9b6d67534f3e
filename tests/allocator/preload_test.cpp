// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The preload library as a file: what it needs, what it shows, and what a
// program sees that runs under it.

#include "tests/support/emulator.h"
#include "tests/support/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdio.h>
#include <stdlib.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace refpage_test;

namespace {

const std::string Library = "allocator/libscudo_refpage.so";
const std::string Program = "tests/allocator/preloaded_program";

struct Result {
  std::string Output;
  int Status;
};

// Runs a shell command; 2>&1 is up to it.
Result run(const std::string &Command) {
  Result R;
  FILE *Pipe = popen(Command.c_str(), "r");
  if (!Pipe)
    return R;
  char Text[4096];
  for (size_t N; (N = fread(Text, 1, sizeof(Text), Pipe)) > 0;)
    R.Output.append(Text, N);
  R.Status = pclose(Pipe);
  return R;
}

// `env` with the library, for the shell: before the name of a program. The
// emulator takes it for the program, or it would be its own.
std::string withLibrary(const std::string &Options = "") {
  const std::string Preload = "LD_PRELOAD=$PWD/" + Library + " ";
  const std::string Settings = "REFPAGE_OPTIONS='" + Options + "' ";
  return getEmulator() ? "env " + Settings + getEmulator() + " -E " + Preload
                       : "env " + Preload + Settings;
}

Result runPreloaded(const std::string &Options,
                    const std::string &Arguments = "") {
  return run(withLibrary(Options) + Program + " " + Arguments + " 2>&1");
}

TEST(PreloadTest, NeedsTheCLibraryAlone) {
  const std::string Output = run("readelf -d " + Library).Output;
  EXPECT_NE(Output.find("[libc.so.6]"), std::string::npos) << Output;
  size_t Needed = 1;
#if defined(__aarch64__)
  // The dynamic linker is a part of it, and has the stack protector's guard.
  if (Output.find("[ld-linux-aarch64.so.1]") != std::string::npos)
    Needed++;
#endif
  for (size_t At = 0; (At = Output.find("(NEEDED)", At)) != std::string::npos;
       At++)
    Needed--;
  EXPECT_EQ(Needed, 0U) << Output;
}

// Whether a list of nm's has it; operators can be replaced, and are weak.
bool defines(const std::string &List, const std::string &Name) {
  return List.find(" T " + Name + "\n") != std::string::npos ||
         List.find(" W " + Name + "\n") != std::string::npos;
}

TEST(PreloadTest, ShowsTheMallocFamily) {
  const std::string Output = run("nm -D --defined-only " + Library).Output;
  for (const char *Name : {"malloc",
                           "calloc",
                           "realloc",
                           "reallocarray",
                           "free",
                           "memalign",
                           "aligned_alloc",
                           "posix_memalign",
                           "valloc",
                           "pvalloc",
                           "malloc_usable_size",
                           "mallopt",
                           "mallinfo",
                           "mallinfo2",
                           "malloc_info",
                           "malloc_stats",
                           "malloc_trim",
                           "_Znwm",
                           "_Znam",
                           "_ZdlPv",
                           "_ZdaPv",
                           "_ZdlPvm",
                           "_ZnwmSt11align_val_t",
                           "_ZdlPvSt11align_val_t"})
    EXPECT_TRUE(defines(Output, Name)) << Name;
  // Nothing that could clash with a program's own names.
  for (const char *Prefix : {" scudo_", " refpage"})
    EXPECT_EQ(Output.find(Prefix), std::string::npos) << Output;
}

TEST(PreloadTest, HasNoWritableCode) {
  const std::string Output = run("readelf -W -l " + Library).Output;
  EXPECT_EQ(Output.find("RWE"), std::string::npos);
  EXPECT_NE(Output.find("GNU_RELRO"), std::string::npos);
}

TEST(PreloadTest, BlocksReadAsThePattern) {
  EXPECT_EQ(runPreloaded("").Output,
            "small ab\nlarge ab\ncalloc 00\nbad_alloc\n");
  EXPECT_EQ(runPreloaded("variant=memset").Output,
            "small ab\nlarge ab\ncalloc 00\nbad_alloc\n");
  EXPECT_EQ(runPreloaded("pattern=5a").Output,
            "small 5a\nlarge 5a\ncalloc 00\nbad_alloc\n");
}

TEST(PreloadTest, AProgramCanReplaceThePlainOperatorsAlone) {
  EXPECT_EQ(
      run(withLibrary() + "tests/allocator/replaced_operators 2>&1").Output,
      "5 news, 5 deletes\n");
}

TEST(PreloadTest, ScudoOptionsKeepWorking) {
  setenv("SCUDO_OPTIONS", "zero_contents=true", 1);
  EXPECT_EQ(runPreloaded("").Output,
            "small 00\nlarge 00\ncalloc 00\nbad_alloc\n");
  unsetenv("SCUDO_OPTIONS");
}

TEST(PreloadTest, SaysNothingUnlessAsked) {
  EXPECT_EQ(runPreloaded("").Output.find("refpage"), std::string::npos);
}

TEST(PreloadTest, StatsComeAtExit) {
  // With tags, an emulator that keeps none in files has no windows.
  const std::string Output =
      runPreloaded(getEmulator() ? "stats=1:tag=off" : "stats=1").Output;
  EXPECT_NE(Output.find("refpage: large blocks of " +
                        getKernelName("preloaded_program") + " (pid "),
            std::string::npos)
      << Output;
  EXPECT_NE(Output.find("refpage:   memfd_window: 1 blocks, 10.0 MiB"),
            std::string::npos)
      << Output;
  EXPECT_NE(Output.find("refpage:   no fallbacks"), std::string::npos);
}

TEST(PreloadTest, StatsComeThoughTheProgramClosedStderrBeforeItExits) {
  if (getEmulator())
    GTEST_SKIP()
        << "this machine's programs are not of the tested architecture";
  // coreutils do so from an exit handler.
  const std::string Output =
      run(withLibrary("stats=1") + "sort /dev/null 2>&1").Output;
  EXPECT_NE(Output.find(" sort (pid "), std::string::npos) << Output;
}

TEST(PreloadTest, StatsGoToTheLogIfThereIsOne) {
  const std::string Log = testing::TempDir() + "preload_test_log";
  unlink(Log.c_str());
  const std::string Options = "tag=off:stats=json:log=" + Log;
  for (int Round = 0; Round != 2; Round++) {
    const Result R = runPreloaded(Options);
    EXPECT_EQ(R.Output.find("stats"), std::string::npos) << R.Output;
  }
  const std::string Text = run("cat " + Log).Output;
  unlink(Log.c_str());
  EXPECT_EQ(std::count(Text.begin(), Text.end(), '\n'), 2) << Text;
  EXPECT_EQ(Text.find("{\"report\": \"stats\", \"pid\": "), 0U) << Text;
  EXPECT_NE(Text.find("{\"name\": \"memfd_window\", \"blocks\": 1, "),
            std::string::npos)
      << Text;
}

TEST(PreloadTest, ALogThatCannotBeWrittenIsNamed) {
  const std::string Output = runPreloaded("stats=1:log=/nowhere/file").Output;
  EXPECT_EQ(Output.find("refpage: REFPAGE_OPTIONS: log: cannot open "
                        "'/nowhere/file' (No such file or directory), standard "
                        "error is used\n"),
            0U)
      << Output;
  EXPECT_NE(Output.find("refpage: large blocks of "), std::string::npos)
      << Output;
}

TEST(PreloadTest, AWrongOptionIsNamedAndTheProgramGoesOn) {
  const Result R = runPreloaded("variant=x:nonsense=1");
  EXPECT_EQ(R.Status, 0);
  EXPECT_NE(R.Output.find("refpage: REFPAGE_OPTIONS: bad value 'x' for "
                          "'variant', the default is used; it takes "),
            std::string::npos)
      << R.Output;
  EXPECT_NE(R.Output.find(
                "refpage: REFPAGE_OPTIONS: unknown option 'nonsense', ignored"),
            std::string::npos)
      << R.Output;
  EXPECT_NE(R.Output.find("large ab"), std::string::npos);
}

TEST(PreloadTest, TheParkedDescriptorsDoNotReachChildren) {
  if (getEmulator())
    GTEST_SKIP()
        << "this machine's programs are not of the tested architecture";
  const std::string Output =
      run(withLibrary() + "/bin/sh -c 'ls -l /proc/self/fd' 2>&1").Output;
  EXPECT_EQ(Output.find("scudo:refpage"), std::string::npos) << Output;
}

} // namespace
