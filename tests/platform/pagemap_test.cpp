// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/mapping.h"
#include "platform/pagemap.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr Page = 4096;
constexpr uptr NumPages = 1000; // Several reads of the file.

class PagemapTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_NE(Fd = makePatternFile(NumPages * Page, 0x4141414141414141), -1);
    ASSERT_EQ(reserveMemory(NumPages * Page, &Base), 0);
    ASSERT_EQ(mapFileOver(Fd, Base, NumPages * Page), 0);
  }
  void TearDown() override {
    unmapMemory(Base, NumPages * Page);
    close(Fd);
    Reader.close();
  }
  void write(uptr PageNumber) { byteOf(PageNumber) = 1; }
  char read(uptr PageNumber) { return byteOf(PageNumber); }

  // One letter a page: c(lean), w(ritten), s(wapped).
  std::string states() {
    std::string Text;
    EXPECT_TRUE(Reader.forEachRun(
        Base, NumPages * Page,
        [&](uptr RunBase, uptr RunSize, PageState State) {
          EXPECT_EQ(RunBase, Base + Text.size() * Page);
          Text.append(RunSize / Page, State == PageState::Clean     ? 'c'
                                      : State == PageState::Written ? 'w'
                                                                    : 's');
          return true;
        }));
    return Text;
  }

  volatile char &byteOf(uptr PageNumber) {
    return reinterpret_cast<volatile char *>(Base)[PageNumber * Page];
  }

  int Fd = -1;
  uptr Base = 0;
  Pagemap Reader;
};

TEST_F(PagemapTest, UntouchedPagesAreClean) {
  EXPECT_EQ(states(), std::string(NumPages, 'c'));
}

TEST_F(PagemapTest, PagesThatWereReadAreClean) {
  for (uptr I = 0; I < NumPages; I += 3)
    EXPECT_EQ(read(I), 'A');
  EXPECT_EQ(states(), std::string(NumPages, 'c'));
}

TEST_F(PagemapTest, ExactlyTheWrittenPagesShow) {
  std::string Expected(NumPages, 'c');
  for (uptr I : {0UL, 1UL, 2UL, 100UL, 255UL, 256UL, 511UL, 512UL, 998UL,
                 NumPages - 1}) {
    write(I);
    Expected[I] = 'w';
  }
  EXPECT_EQ(states(), Expected);
}

TEST_F(PagemapTest, DiscardedPagesAreCleanAgain) {
  write(7);
  ASSERT_EQ(discardPages(Base, NumPages * Page), 0);
  EXPECT_EQ(states(), std::string(NumPages, 'c'));
}

TEST_F(PagemapTest, PagesOfAnonymousMemoryShowWhenWritten) {
  ASSERT_EQ(mapAnonymousOver(Base, NumPages * Page), 0);
  write(3);
  std::string Expected(NumPages, 'c');
  Expected[3] = 'w';
  EXPECT_EQ(states(), Expected);
}

TEST_F(PagemapTest, StopsWhenTheCallbackHasSeenEnough) {
  write(1);
  int Calls = 0;
  EXPECT_TRUE(
      Reader.forEachRun(Base, NumPages * Page, [&](uptr, uptr, PageState) {
        Calls++;
        return false;
      }));
  EXPECT_EQ(Calls, 1);
}

// The child of a fork sees its own pages, not the parent's.
TEST_F(PagemapTest, FollowsAFork) {
  write(1);
  states();
  const pid_t Pid = fork();
  ASSERT_NE(Pid, -1);
  if (Pid == 0) {
    write(2);
    const std::string States = states();
    _exit(States.substr(0, 4) == "cwwc" ? 0 : 1);
  }
  int Status = 0;
  ASSERT_EQ(waitpid(Pid, &Status, 0), Pid);
  EXPECT_TRUE(WIFEXITED(Status) && WEXITSTATUS(Status) == 0) << Status;
  EXPECT_EQ(states().substr(0, 4), "cwcc");
}

TEST_F(PagemapTest, FollowsAForkThatRunsNoHandlers) {
  write(1);
  states();
  const long Pid = syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0);
  ASSERT_NE(Pid, -1);
  if (Pid == 0) {
    write(2);
    _exit(states().substr(0, 4) == "cwwc" ? 0 : 1);
  }
  int Status = 0;
  ASSERT_EQ(waitpid(static_cast<pid_t>(Pid), &Status, 0), Pid);
  EXPECT_TRUE(WIFEXITED(Status) && WEXITSTATUS(Status) == 0) << Status;
}

TEST_F(PagemapTest, TheDescriptorClosedByTheProgramIsOpenedAgain) {
  states();
  close_range(900, ~0U, 0);
  write(5);
  EXPECT_EQ(states().substr(0, 8), "cccccwcc");
}

TEST_F(PagemapTest, TheDescriptorReusedByTheProgramIsNotRead) {
  states();
  const int Zeros = open("/dev/zero", O_RDONLY);
  for (int Number = 900; Number != 1024; Number++)
    if (fcntl(Number, F_GETFD) != -1)
      dup2(Zeros, Number);
  write(5);
  EXPECT_EQ(states().substr(0, 8), "cccccwcc");
  close_range(900, ~0U, 0);
  close(Zeros);
}

TEST_F(PagemapTest, KeepsErrno) {
  errno = 0;
  states();
  EXPECT_EQ(errno, 0);
}

} // namespace
