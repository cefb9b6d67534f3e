// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/stats_text.h"

#include "tests/support/emulator.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <string>

using namespace refpage;
using namespace refpage_test;

namespace {

const std::string Name = getKernelName("stats_text_test");

// With a block, since there is nothing to say without.
std::string textOf(BackendStats Stats) {
  if (Stats.Blocks[static_cast<u32>(Backend::MemfdWindow)] == 0)
    Stats.Blocks[static_cast<u32>(Backend::Zero)] = 1;
  Options Asked;
  scudo::ScopedString Str;
  appendBackendStats(Asked, Stats, &Str);
  return Str.data();
}

void expectLine(const std::string &Text, const std::string &Line) {
  EXPECT_NE(Text.find("refpage:   " + Line + "\n"), std::string::npos) << Text;
}

TEST(StatsTextTest, NamesProcessVariantAndPattern) {
  BackendStats Stats = {};
  EXPECT_EQ(textOf(Stats).find("refpage: large blocks of " + Name), 0U);
  EXPECT_NE(textOf(Stats).find("variant refpage, pattern abababababababab\n"),
            std::string::npos);
}

TEST(StatsTextTest, OneLineForAProcessWithoutLargeBlocks) {
  Options Asked;
  scudo::ScopedString Str;
  const BackendStats Stats = {};
  appendBackendStats(Asked, Stats, &Str);
  const std::string Text = Str.data();
  EXPECT_EQ(Text.find("refpage: no large blocks in " + Name + " (pid "), 0U);
  EXPECT_EQ(Text.find('\n'), Text.size() - 1);
}

TEST(StatsTextTest, NamesBackendsThatServedAndNoOthers) {
  BackendStats Stats = {};
  Stats.Blocks[static_cast<u32>(Backend::MemfdWindow)] = 3;
  Stats.Bytes[static_cast<u32>(Backend::MemfdWindow)] = 3UL << 20;
  const std::string Text = textOf(Stats);
  expectLine(Text, "memfd_window: 3 blocks, 3.0 MiB; reused 0 blocks, 0 B");
  EXPECT_EQ(Text.find("memset:"), std::string::npos);
}

int makeNothing(const Contents &, uptr, Window *) { return ENOSYS; }
bool isNeverIntact(const Window &) { return false; }
const char *explainNothing(int Error) {
  return Error == ENOENT ? "it is not there" : nullptr;
}

TEST(StatsTextTest, SaysWhyTheKernelsOwnPagesWereNotUsed) {
  const WindowMaker Syscall = {Backend::Syscall, true, makeNothing,
                               isNeverIntact, explainNothing};
  const WindowMaker Device = {Backend::Device, true, makeNothing, isNeverIntact,
                              nullptr};
  BackendStats Stats = {};
  Stats.Makers[0] = {&Syscall, ENOENT};
  Stats.Makers[1] = {&Device, EDQUOT};
  std::string Text = textOf(Stats);
  expectLine(Text, "not by syscall: it is not there");
  expectLine(Text, "not by device: Disk quota exceeded");
  Stats.Makers[0].Error = 0;
  Stats.Makers[1].Error = 0;
  Text = textOf(Stats);
  EXPECT_EQ(Text.find("not by"), std::string::npos) << Text;
}

TEST(StatsTextTest, ShowsWhatWasNeverFilled) {
  BackendStats Stats = {};
  Stats.FilledBytes = 1536;
  Stats.NeverFilledBytes = 5UL << 30;
  expectLine(textOf(Stats), "filled 1.5 KiB; never filled 5.0 GiB");
}

TEST(StatsTextTest, ShowsTheWindowsOwnMemory) {
  BackendStats Stats = {};
  Stats.Windows.WindowsMade = 4;
  Stats.Windows.WindowsNow = 2;
  Stats.Windows.OwnMemory = 1UL << 20;
  Stats.Windows.PeakMemory = 2UL << 20;
  Stats.Windows.WindowsLost = 1;
  expectLine(textOf(Stats), "windows: 4 made, 2 now, taking 1.0 MiB (at most "
                            "2.0 MiB), 1 lost to the program");
}

TEST(StatsTextTest, FallbacksHaveReasonAndError) {
  BackendStats Stats = {};
  Stats.Reasons[static_cast<u32>(Reason::NoWindow)] = 7;
  Stats.LastErrors[static_cast<u32>(Reason::NoWindow)] = EMFILE;
  const std::string Text = textOf(Stats);
  expectLine(Text, "fallback: 7 blocks because no window could be made (Too "
                   "many open files)");
  EXPECT_EQ(Text.find("no fallbacks"), std::string::npos);
}

TEST(StatsTextTest, SaysThatThereWereNoFallbacks) {
  BackendStats Stats = {};
  Stats.Reasons[static_cast<u32>(Reason::SparseUse)] = 1;
  expectLine(textOf(Stats), "no fallbacks");
}

} // namespace
