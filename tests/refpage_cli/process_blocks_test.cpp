// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `refpage report` knows of a process, which here is a child that uses the
// allocator with the options that this test runs under.

#include "tools/refpage/process_blocks.h"

#include "tests/allocator/heap.h"
#include "tests/support/emulator.h"
#include "tools/refpage/failure.h"

#include <functional>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

struct Said {
  size_t Blocks;
  size_t Bytes;
};

Said askMallinfo() {
  const struct mallinfo2 Info = mallinfo2();
  return {Info.hblks,
          Info.hblkhd - Info.arena - (Info.fordblks - Info.fsmblks)};
}

// Makes blocks, tells what malloc says of them, and waits to be ended.
class Child {
public:
  explicit Child(const std::function<void()> &MakeBlocks) {
    int Pipe[2];
    EXPECT_EQ(pipe(Pipe), 0);
    Pid = fork();
    if (Pid == 0) {
      MakeBlocks();
      const Said Now = askMallinfo();
      if (write(Pipe[1], &Now, sizeof(Now)) != sizeof(Now))
        _exit(1);
      for (;;)
        pause();
    }
    close(Pipe[1]);
    EXPECT_EQ(read(Pipe[0], &Counts, sizeof(Counts)),
              static_cast<ssize_t>(sizeof(Counts)));
    close(Pipe[0]);
  }
  ~Child() {
    kill(Pid, SIGKILL);
    waitpid(Pid, nullptr, 0);
  }
  Child(const Child &) = delete;
  void operator=(const Child &) = delete;

  ProcessBlocks look() const { return findBlocks(Pid, /*MapsOnly=*/false); }
  const Said &said() const { return Counts; }

private:
  pid_t Pid = -1;
  Said Counts = {};
};

// The child's; static so that no compiler thinks them lost.
void *Kept[64];

// The block of which so many bytes were asked for.
FoundBlock find(const ProcessBlocks &Found, size_t Asked) {
  for (const FoundBlock &Block : Found.Live)
    if (Block.Asked == Asked)
      return Block;
  ADD_FAILURE() << "no block of " << Asked << " among " << Found.Live.size();
  return FoundBlock();
}

const char *getExpectedBackend() {
  switch (getOptions().backend) {
  case BackendRequest::Device:
    return "device";
  case BackendRequest::Syscall:
    return "syscall";
  default:
    return "memfd_window";
  }
}

// Odd, so that they are nobody else's.
constexpr size_t Partly = 4 * MiB + 16;
constexpr size_t WasRead = 5 * MiB + 16;
constexpr size_t Zeros = 6 * MiB + 16;

// Of what is written: a page more for the headers, and one for where it begins.
constexpr size_t Slack = 2 * Page;

class ProcessBlocksTest : public testing::Test {
protected:
  void SetUp() override {
    if (getEmulator())
      GTEST_SKIP() << "an emulated process has the emulator's mappings";
  }
};

TEST_F(ProcessBlocksTest, EveryBlockInUseIsFound) {
  const Child Of([] {
    for (size_t I = 0; I != 64; I++) {
      Kept[I] = malloc(LargeSize + I * 100 * KiB);
      memset(Kept[I], 1, I * 50 * KiB);
      if (I % 3 == 0)
        free(Kept[I]);
    }
    // Some of these are blocks that were kept.
    for (size_t I = 0; I < 64; I += 3)
      Kept[I] = malloc(LargeSize + I * 90 * KiB);
    for (const size_t Alignment : {4 * KiB, 64 * KiB, MiB})
      Kept[0] = aligned_alloc(Alignment, MiB);
    Kept[1] = realloc(Kept[1], 40 * MiB);
    Kept[2] = realloc(Kept[2], LargeSize + 1);
  });
  const ProcessBlocks Found = Of.look();
  EXPECT_TRUE(Found.HasHeaders);
  EXPECT_TRUE(Found.IsComplete);
  EXPECT_EQ(Found.Live.size(), Of.said().Blocks);
  size_t Bytes = 0;
  for (const FoundBlock &Block : Found.Live) {
    Bytes += Block.Size;
    EXPECT_EQ(Block.Pages.all(), Block.Size);
    EXPECT_GE(Block.Size, Block.Asked);
    EXPECT_GT(Block.Asked, 0U);
  }
  EXPECT_EQ(Bytes, Of.said().Bytes);
}

TEST_F(ProcessBlocksTest, WrittenPagesOfABlock) {
  const Child Of([] {
    Kept[0] = malloc(Partly);
    memset(static_cast<char *>(Kept[0]) + MiB, 1, MiB);
  });
  const FoundBlock Block = find(Of.look(), Partly);
  if (!usesWindows()) {
    EXPECT_EQ(Block.Pages.Filled, isFilled() ? Block.Size : 0);
    return;
  }
  EXPECT_EQ(Block.Backend, getExpectedBackend());
  EXPECT_TRUE(Block.ViewsWindow);
  EXPECT_GE(Block.Pages.Written, MiB);
  EXPECT_LE(Block.Pages.Written, MiB + 2 * Slack);
  EXPECT_EQ(Block.Pages.clean() + Block.Pages.Written, Block.Size);
}

TEST_F(ProcessBlocksTest, PagesThatWereReadAreClean) {
  const Child Of([] {
    Kept[0] = malloc(WasRead);
    expectPattern(Kept[0], 0, MiB);
  });
  const FoundBlock Block = find(Of.look(), WasRead);
  if (!usesWindows())
    return;
  EXPECT_GE(Block.Pages.Read, MiB - Slack);
  EXPECT_LE(Block.Pages.Written, Slack);
}

TEST_F(ProcessBlocksTest, ZerosThatWereReadAreClean) {
  const Child Of([] {
    Kept[0] = calloc(1, Zeros);
    expectZeros(Kept[0], MiB);
  });
  const ProcessBlocks Found = Of.look();
  const FoundBlock Block = find(Found, Zeros);
  if (areBlocksTagged())
    return;
  EXPECT_EQ(Block.Backend, "zero");
  EXPECT_LE(Block.Pages.Written, Slack);
  // A huge page of zeros is shown, or counted, by no kernel alike.
  if (Found.KnowsZeroPage) {
    EXPECT_GE(Block.Pages.clean(), Block.Size - Slack);
  }
}

// It leaves four pages unused at most, in front of its header.
TEST_F(ProcessBlocksTest, ABlockThatWasUsedAgain) {
  const Child Of([] {
    for (int I = 0; I != 20; I++) {
      Kept[I] = malloc(200 * KiB);
      memset(Kept[I], 1, 200 * KiB);
    }
    for (int I = 0; I != 20; I++)
      free(Kept[I]);
    for (int I = 0; I != 20; I++)
      Kept[I] = malloc(200 * KiB - I % 5 * Page);
  });
  const ProcessBlocks Found = Of.look();
  EXPECT_TRUE(Found.IsComplete);
  EXPECT_EQ(Found.Live.size(), Of.said().Blocks);
}

TEST_F(ProcessBlocksTest, AFreedBlockIsNotInUse) {
  const Child Of([] {
    Kept[0] = malloc(Partly);
    memset(Kept[0], 1, Partly);
    free(Kept[0]);
  });
  const ProcessBlocks Found = Of.look();
  EXPECT_TRUE(Found.IsComplete);
  for (const FoundBlock &Block : Found.Live)
    EXPECT_NE(Block.Asked, Partly);
  EXPECT_FALSE(Found.Kept.empty());
}

TEST_F(ProcessBlocksTest, AProcessThatHasExited) {
  const pid_t Pid = fork();
  if (Pid == 0)
    _exit(0);
  ASSERT_EQ(waitpid(Pid, nullptr, 0), Pid);
  try {
    findBlocks(Pid, /*MapsOnly=*/false);
    ADD_FAILURE();
  } catch (const Failure &F) {
    EXPECT_EQ(F.getStatus(), NoProcess);
  }
}

} // namespace
