// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The linker sends the calls of ioctl() and pread() here (--wrap), so that each
// way of asking the kernel is tested whatever the kernel has, and what it may
// answer can be played.

#include "platform/mapping.h"
#include "platform/pagemap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"
#include "tests/support/memory.h"
#include "tests/support/seccomp.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

// What the kernel is made to do, and how often it was asked.
struct Answers {
  int ScanErrno = 0;     // Of PAGEMAP_SCAN, from the call after ScansToGrant.
  int ScansToGrant = 0;  //
  int Scans = 0;         //
  int EntriesAtMost = 0; // A read returns; 0: as many as are asked for.
  int InterruptedReads = 0; // So many reads fail with EINTR first.
  int EndlessReads = 0;     // So many reads are done before one returns 0.
  bool ReadsEnd = false;
  int Reads = 0;
  void (*BeforeCall)() = nullptr; // Of either, once.
};
Answers Kernel;

void comeBetween() {
  if (void (*Do)() = Kernel.BeforeCall) {
    Kernel.BeforeCall = nullptr;
    Do();
  }
}

} // namespace

extern "C" {

int __real_ioctl(int Fd, unsigned long Command, ...);
int __wrap_ioctl(int Fd, unsigned long Command, ...) {
  va_list Arguments;
  va_start(Arguments, Command);
  void *Argument = va_arg(Arguments, void *);
  va_end(Arguments);
  comeBetween();
  Kernel.Scans++;
  if (Kernel.ScanErrno && Kernel.Scans > Kernel.ScansToGrant) {
    errno = Kernel.ScanErrno;
    return -1;
  }
  return __real_ioctl(Fd, Command, Argument);
}

ssize_t __real_pread(int Fd, void *Buffer, size_t Size, off_t Offset);
ssize_t __wrap_pread(int Fd, void *Buffer, size_t Size, off_t Offset) {
  comeBetween();
  Kernel.Reads++;
  if (Kernel.InterruptedReads) {
    Kernel.InterruptedReads--;
    errno = EINTR;
    return -1;
  }
  if (Kernel.ReadsEnd && Kernel.EndlessReads-- == 0)
    return 0;
  const size_t Most = static_cast<size_t>(Kernel.EntriesAtMost) * sizeof(u64);
  return __real_pread(Fd, Buffer, Most && Most < Size ? Most : Size, Offset);
}

} // extern "C"

namespace {

constexpr uptr Page = 4096;
constexpr uptr NumPages = 1000; // Several reads of the file.

class PagemapTest : public testing::Test {
protected:
  void SetUp() override {
    Kernel = {};
    ASSERT_NE(Fd = makePatternFile(NumPages * Page, 0x4141414141414141), -1);
    ASSERT_EQ(reserveMemory(NumPages * Page, &Base), 0);
    ASSERT_EQ(mapFileOver(Fd, 0, Base, NumPages * Page), 0);
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
    std::string Text(NumPages, 'c');
    EXPECT_TRUE(fillIn(&Text));
    return Text;
  }
  // Returns what forEachWrittenRun() does.
  bool fillIn(std::string *Text) {
    uptr Last = Base;
    return Reader.forEachWrittenRun(
        Base, NumPages * Page, [&](const PageRun &Run) {
          EXPECT_GE(Run.Base, Last);
          EXPECT_GT(Run.Size, 0U);
          EXPECT_EQ((Run.Base | Run.Size) % Page, 0U);
          Last = Run.Base + Run.Size;
          EXPECT_LE(Last, Base + NumPages * Page);
          Text->replace((Run.Base - Base) / Page, Run.Size / Page,
                        Run.Size / Page, Run.IsSwapped ? 's' : 'w');
          return true;
        });
  }

  volatile char &byteOf(uptr PageNumber) {
    return reinterpret_cast<volatile char *>(Base)[PageNumber * Page];
  }

  int Fd = -1;
  uptr Base = 0;
  Pagemap Reader;
};

// The kernel is asked for what was written, or reads its table page by page.
enum class Way { Scan, Entries };
void PrintTo(Way W, std::ostream *Stream) {
  *Stream << (W == Way::Scan ? "scan" : "entries");
}

class PagemapWayTest : public PagemapTest,
                       public testing::WithParamInterface<Way> {
protected:
  void SetUp() override {
    PagemapTest::SetUp();
    if (GetParam() == Way::Entries) {
      Kernel.ScanErrno = ENOTTY;
      return;
    }
    states();
    const bool HasScan = Kernel.Reads == 0;
    Kernel = {};
    Reader.close();
    if (!HasScan)
      GTEST_SKIP() << "the kernel has no PAGEMAP_SCAN";
  }
  // What is tested is the way it says it is.
  void TearDown() override {
    if (GetParam() == Way::Scan)
      EXPECT_EQ(Kernel.Reads, 0);
    else
      EXPECT_LE(Kernel.Scans, 2);
    PagemapTest::TearDown();
  }
};

INSTANTIATE_TEST_SUITE_P(All, PagemapWayTest,
                         testing::Values(Way::Scan, Way::Entries));

TEST_P(PagemapWayTest, UntouchedPagesAreClean) {
  EXPECT_EQ(states(), std::string(NumPages, 'c'));
}

TEST_P(PagemapWayTest, PagesThatWereReadAreClean) {
  for (uptr I = 0; I < NumPages; I += 3)
    EXPECT_EQ(read(I), 'A');
  EXPECT_EQ(states(), std::string(NumPages, 'c'));
}

// Of the file's pages those that were read, and those that the kernel put
// around them; of others none.
TEST_P(PagemapWayTest, ReadPagesShowWhenThoseAreAskedFor) {
  write(19);
  read(20);
  write(21);
  ASSERT_EQ(mapAnonymousOver(Base + 30 * Page, Page), 0);
  write(30);
  std::string Text(NumPages, 'c');
  EXPECT_TRUE(
      Reader.forEachReadRun(Base, NumPages * Page, [&](const PageRun &Run) {
        EXPECT_FALSE(Run.IsSwapped);
        Text.replace((Run.Base - Base) / Page, Run.Size / Page, Run.Size / Page,
                     'r');
        return true;
      }));
  EXPECT_EQ(Text.substr(19, 3), "crc");
  EXPECT_EQ(Text[30], 'c');
  EXPECT_EQ(Text.substr(100), std::string(NumPages - 100, 'c'));
}

TEST_P(PagemapWayTest, ExactlyTheWrittenPagesShow) {
  std::string Expected(NumPages, 'c');
  for (uptr I : {0UL, 1UL, 2UL, 100UL, 255UL, 256UL, 511UL, 512UL, 998UL,
                 NumPages - 1}) {
    write(I);
    Expected[I] = 'w';
  }
  EXPECT_EQ(states(), Expected);
}

TEST_P(PagemapWayTest, AllWrittenPagesShow) {
  for (uptr I = 0; I != NumPages; I++)
    write(I);
  EXPECT_EQ(states(), std::string(NumPages, 'w'));
}

// More runs than one answer has room for.
TEST_P(PagemapWayTest, ManyRunsShow) {
  std::string Expected(NumPages, 'c');
  for (uptr I = 1; I < NumPages; I += 2) {
    write(I);
    Expected[I] = 'w';
  }
  EXPECT_EQ(states(), Expected);
}

TEST_P(PagemapWayTest, NoMoreThanTheRangeIsLookedAt) {
  write(0);
  write(499);
  write(500);
  uptr Seen = 0;
  EXPECT_TRUE(Reader.forEachWrittenRun(Base + Page, 499 * Page,
                                       [&](const PageRun &Run) {
                                         EXPECT_EQ(Run.Base, Base + 499 * Page);
                                         Seen += Run.Size;
                                         return true;
                                       }));
  EXPECT_EQ(Seen, Page);
}

TEST_P(PagemapWayTest, SeveralMappingsAreOneRange) {
  ASSERT_EQ(mapAnonymousOver(Base + 10 * Page, 10 * Page), 0);
  ASSERT_EQ(protectMemory(Base + 30 * Page, 10 * Page), 0);
  std::string Expected(NumPages, 'c');
  for (uptr I : {9, 10, 19, 20, 29, 40}) {
    write(I);
    Expected[I] = 'w';
  }
  EXPECT_EQ(states(), Expected);
}

TEST_P(PagemapWayTest, ProtectedPagesShow) {
  write(3);
  ASSERT_EQ(protectMemory(Base, NumPages * Page), 0);
  EXPECT_EQ(states().substr(0, 5), "cccwc");
}

TEST_P(PagemapWayTest, DiscardedPagesAreCleanAgain) {
  write(7);
  ASSERT_EQ(discardPages(Base, NumPages * Page), 0);
  EXPECT_EQ(states(), std::string(NumPages, 'c'));
}

TEST_P(PagemapWayTest, PagesOfAnonymousMemoryShowWhenWritten) {
  ASSERT_EQ(mapAnonymousOver(Base, NumPages * Page), 0);
  write(3);
  std::string Expected(NumPages, 'c');
  Expected[3] = 'w';
  EXPECT_EQ(states(), Expected);
}

TEST_P(PagemapWayTest, PagesOfZerosThatWereReadAreCleanToTheScan) {
  ASSERT_EQ(mapAnonymousOver(Base, NumPages * Page), 0);
  // Else the kernel may answer a read with a huge page of zeros.
  madvise(reinterpret_cast<void *>(Base), NumPages * Page, MADV_NOHUGEPAGE);
  EXPECT_EQ(read(5), 0);
  EXPECT_EQ(states()[5], GetParam() == Way::Scan ? 'c' : 'w');
}

TEST_P(PagemapWayTest, PagesInSwapShow) {
  write(2);
  write(3);
  madvise(reinterpret_cast<void *>(Base + 2 * Page), Page, 21 /* PAGEOUT */);
  unsigned char Resident = 1;
  if (mincore(reinterpret_cast<void *>(Base + 2 * Page), Page, &Resident) !=
          0 ||
      (Resident & 1))
    GTEST_SKIP() << "no swap";
  EXPECT_EQ(states().substr(0, 5), "ccswc");
}

TEST_P(PagemapWayTest, StopsWhenTheCallbackHasSeenEnough) {
  write(1);
  write(3);
  int Calls = 0;
  EXPECT_TRUE(
      Reader.forEachWrittenRun(Base, NumPages * Page, [&](const PageRun &) {
        Calls++;
        return false;
      }));
  EXPECT_EQ(Calls, 1);
}

// As restoring does.
TEST_P(PagemapWayTest, TheCallbackMayWrite) {
  for (uptr I = 0; I < NumPages; I += 2)
    write(I);
  uptr Runs = 0;
  EXPECT_TRUE(
      Reader.forEachWrittenRun(Base, NumPages * Page, [&](const PageRun &Run) {
        *reinterpret_cast<volatile char *>(Run.Base) = 2;
        return ++Runs != 0;
      }));
  EXPECT_EQ(Runs, NumPages / 2);
}

// The child of a fork sees its own pages, not the parent's.
TEST_P(PagemapWayTest, FollowsAFork) {
  write(1);
  states();
  constexpr unsigned MaxSeconds = 20;
  runInChild(MaxSeconds, [&] {
    write(2);
    EXPECT_EQ(states().substr(0, 4), "cwwc");
  });
  EXPECT_EQ(states().substr(0, 4), "cwcc");
}

TEST_P(PagemapWayTest, FollowsAForkThatRunsNoHandlers) {
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

// As a signal handler forks that comes when the descriptor was looked at and
// not yet read.
TEST_P(PagemapWayTest, FollowsAForkInTheMiddle) {
  write(1);
  states();
  static volatile char *PageTwo;
  static pid_t Pid;
  PageTwo = &byteOf(2);
  Kernel.BeforeCall = [] {
    Pid = fork();
    if (Pid == 0)
      *PageTwo = 1;
  };
  const std::string Seen = states().substr(0, 4);
  if (Pid == 0)
    _exit(Seen == "cwwc" ? 0 : 1);
  EXPECT_EQ(Seen, "cwcc");
  int Status = -1;
  ASSERT_EQ(waitpid(Pid, &Status, 0), Pid);
  EXPECT_EQ(Status, 0);
}

TEST_P(PagemapWayTest, TheDescriptorClosedByTheProgramIsOpenedAgain) {
  states();
  close_range(900, ~0U, 0);
  write(5);
  EXPECT_EQ(states().substr(0, 8), "cccccwcc");
  Kernel.Reads = 0; // The other way was tried on what is no file any more.
}

TEST_P(PagemapWayTest, KeepsErrno) {
  errno = 0;
  states();
  EXPECT_EQ(errno, 0);
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

TEST_F(PagemapTest, WithoutTheScanEntriesAreReadAndItIsNotTriedAgain) {
  Kernel.ScanErrno = ENOTTY;
  write(5);
  EXPECT_EQ(states().substr(0, 8), "cccccwcc");
  EXPECT_EQ(states().substr(0, 8), "cccccwcc");
  EXPECT_EQ(Kernel.Scans, 1);
  EXPECT_GT(Kernel.Reads, 0);
}

// What is left is read another way, and nothing twice.
TEST_F(PagemapTest, AScanThatFailsMidwayIsFinishedByReading) {
  std::string Expected(NumPages, 'c');
  for (uptr I = 1; I < NumPages; I += 2) {
    write(I);
    Expected[I] = 'w';
  }
  for (int Errno : {ENOTTY, EINVAL, ENOMEM, EFAULT}) {
    Kernel = {};
    Kernel.ScanErrno = Errno;
    Kernel.ScansToGrant = 2;
    EXPECT_EQ(states(), Expected) << Errno;
    EXPECT_GT(Kernel.Reads, 0);
    Reader.close();
  }
}

TEST_F(PagemapTest, ReadsInPartsAreReadOn) {
  Kernel.ScanErrno = ENOTTY;
  Kernel.EntriesAtMost = 7;
  std::string Expected(NumPages, 'c');
  for (uptr I : {0, 6, 7, 8, 13, 14, 999}) {
    write(I);
    Expected[I] = 'w';
  }
  EXPECT_EQ(states(), Expected);
  EXPECT_EQ(Kernel.Reads, static_cast<int>(NumPages + 6) / 7);
}

TEST_F(PagemapTest, InterruptedReadsAreMadeAgain) {
  Kernel.ScanErrno = ENOTTY;
  Kernel.InterruptedReads = 3;
  write(5);
  EXPECT_EQ(states().substr(0, 8), "cccccwcc");
}

TEST_F(PagemapTest, AReadOfNothingIsAnError) {
  Kernel.ScanErrno = ENOTTY;
  Kernel.ReadsEnd = true;
  std::string Text(NumPages, 'c');
  EXPECT_FALSE(fillIn(&Text));
}

TEST_F(PagemapTest, AReadOfNothingMidwayIsAnErrorToo) {
  Kernel.ScanErrno = ENOTTY;
  Kernel.ReadsEnd = true;
  Kernel.EndlessReads = 2;
  write(5);
  std::string Text(NumPages, 'c');
  EXPECT_FALSE(fillIn(&Text));
  EXPECT_EQ(Text.substr(0, 8), "cccccwcc");
}

// Filters that look at the commands of ioctl() may kill.
TEST_F(PagemapTest, UnderAFilterTheScanIsNotTried) {
  if (!canFilterCalls())
    GTEST_SKIP() << "the emulator has no system call filters";
  constexpr unsigned MaxSeconds = 20;
  runInChild(MaxSeconds, [&] {
    Reader.close();
    installFilter({}, SECCOMP_RET_ALLOW);
    write(5);
    EXPECT_EQ(states().substr(0, 8), "cccccwcc");
    EXPECT_EQ(Kernel.Scans, 0);
  });
}

} // namespace
