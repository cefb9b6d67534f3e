// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/other_mappings.h"
#include "platform/other_pages.h"
#include "platform/other_process.h"
#include "tests/support/emulator.h"

#include <gtest/gtest.h>

#include <errno.h>
#include <functional>
#include <signal.h>
#include <string.h>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr NumPages = 64;

uptr pages(uptr Count) { return Count * scudo::getPageSizeCached(); }

// A process with some memory at Base, in which Prepare(Base) was done.
class OtherProcessTest : public testing::Test {
protected:
  void SetUp() override {
    if (getEmulator())
      GTEST_SKIP() << "an emulated process has the emulator's mappings";
  }
  void TearDown() override { end(); }

  void start(int Flags, int Fd, const std::function<void(char *)> &Prepare) {
    void *Memory = mmap(nullptr, pages(NumPages), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | Flags, Fd, 0);
    ASSERT_NE(Memory, MAP_FAILED);
    // Or a huge page would be more than what was touched.
    madvise(Memory, pages(NumPages), MADV_NOHUGEPAGE);
    Base = reinterpret_cast<uptr>(Memory);
    int Ready[2];
    ASSERT_EQ(pipe(Ready), 0);
    Pid = fork();
    ASSERT_NE(Pid, -1);
    if (Pid == 0) {
      Prepare(static_cast<char *>(Memory));
      if (write(Ready[1], "", 1) != 1)
        _exit(1);
      for (;;)
        pause();
    }
    close(Ready[1]);
    char Byte;
    ASSERT_EQ(read(Ready[0], &Byte, 1), 1);
    close(Ready[0]);
    munmap(Memory, pages(NumPages));
    ASSERT_EQ(Process.open(Pid), 0);
  }

  void end() {
    if (Pid <= 0)
      return;
    kill(Pid, SIGKILL);
    waitpid(Pid, nullptr, 0);
    Pid = -1;
  }

  // The states of its pages: a letter each.
  std::string show(bool EntriesOnly) {
    OtherPages Pages;
    EXPECT_EQ(Pages.open(Process), 0);
    if (EntriesOnly)
      Pages.readEntriesOnly();
    std::string Shown(NumPages, '.');
    EXPECT_EQ(Pages.forEachRun(Base, pages(NumPages),
                               [&](const OtherPageRun &Run) {
                                 for (uptr I = 0; I != Run.Size / pages(1); I++)
                                   Shown[(Run.Base - Base) / pages(1) + I] =
                                       "FZXSs"[static_cast<u32>(Run.Is)];
                               }),
              0);
    KnowsZeroPage = Pages.knowsZeroPage();
    return Shown;
  }

  OtherMapping findMapping() {
    OtherMappings Reader;
    EXPECT_EQ(Reader.open(Process), 0);
    OtherMapping M;
    int Error;
    while (Reader.next(&M, &Error))
      if (M.Base <= Base && Base < M.End)
        return M;
    EXPECT_EQ(Error, 0);
    ADD_FAILURE() << "no mapping";
    return OtherMapping();
  }

  uptr Base = 0;
  pid_t Pid = -1;
  bool KnowsZeroPage = false;
  OtherProcess Process;
};

void touch(char *Page) { *static_cast<volatile char *>(Page) = 1; }
char look(char *Page) { return *static_cast<volatile char *>(Page); }

TEST_F(OtherProcessTest, PagesOfAFileThatWereReadAndWritten) {
  const int Fd = memfd_create("some name", MFD_CLOEXEC);
  const std::string Contents(pages(NumPages), 'x');
  ASSERT_EQ(write(Fd, Contents.data(), Contents.size()),
            static_cast<ssize_t>(Contents.size()));
  start(0, Fd, [](char *Memory) {
    // Faults bring neighbours that the file has: all that are not kept away.
    madvise(Memory, pages(NumPages), MADV_RANDOM);
    for (uptr I = 0; I != 4; I++)
      touch(Memory + pages(10 + I));
    touch(Memory + pages(40));
  });
  close(Fd);
  for (const bool EntriesOnly : {false, true}) {
    const std::string Shown = show(EntriesOnly);
    EXPECT_EQ(Shown.substr(10, 4), "XXXX") << Shown;
    EXPECT_EQ(Shown[40], 'X') << Shown;
    for (const uptr I : {9, 14, 39, 41, 63})
      EXPECT_TRUE(Shown[I] == '.' || Shown[I] == 'F') << Shown;
  }
}

TEST_F(OtherProcessTest, AnonymousPages) {
  start(MAP_ANONYMOUS, -1, [](char *Memory) {
    touch(Memory);
    look(Memory + pages(2));
    touch(Memory + pages(NumPages - 1));
  });
  const std::string Scanned = show(/*EntriesOnly=*/false);
  std::string Expected(NumPages, '.');
  Expected[0] = Expected[NumPages - 1] = 'X';
  Expected[2] = KnowsZeroPage ? 'Z' : 'S';
  EXPECT_EQ(Scanned, Expected);
  Expected[2] = 'S';
  EXPECT_EQ(show(/*EntriesOnly=*/true), Expected);
}

TEST_F(OtherProcessTest, PagesThatAForkShares) {
  start(MAP_ANONYMOUS, -1, [](char *Memory) {
    for (uptr I = 0; I != 8; I++)
      touch(Memory + pages(I));
    int Forked[2];
    if (pipe(Forked) != 0)
      _exit(1);
    // Ends with the parent: the pipe's other end is closed then.
    if (fork() == 0) {
      close(Forked[1]);
      char Byte;
      _exit(static_cast<int>(read(Forked[0], &Byte, 1)));
    }
    touch(Memory + pages(3));
  });
  EXPECT_EQ(show(/*EntriesOnly=*/false).substr(0, 9), "SSSXSSSS.");
  EXPECT_EQ(show(/*EntriesOnly=*/true).substr(0, 9), "SSSXSSSS.");
}

TEST_F(OtherProcessTest, ManyRuns) {
  start(MAP_ANONYMOUS, -1, [](char *Memory) {
    for (uptr I = 0; I < NumPages; I += 2)
      touch(Memory + pages(I));
  });
  std::string Expected;
  for (uptr I = 0; I < NumPages; I += 2)
    Expected += "X.";
  EXPECT_EQ(show(/*EntriesOnly=*/false), Expected);
  EXPECT_EQ(show(/*EntriesOnly=*/true), Expected);
}

TEST_F(OtherProcessTest, AMappingOfAFile) {
  const int Fd = memfd_create("a name\nof two lines", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(Fd, static_cast<off_t>(pages(NumPages))), 0);
  start(0, Fd, [](char *Memory) {
    touch(Memory);
    mprotect(Memory, pages(NumPages), PROT_READ);
  });
  const OtherMapping M = findMapping();
  EXPECT_EQ(M.Base, Base);
  EXPECT_EQ(M.size(), pages(NumPages));
  EXPECT_TRUE(M.IsReadable);
  EXPECT_FALSE(M.IsWritable || M.IsExecutable || M.IsShared || M.IsMixed);
  EXPECT_STREQ(M.Name, "/memfd:a name\\012of two lines (deleted)");
  EXPECT_GE(M.Resident, pages(1));

  // The child has the descriptor too, and it is the same file.
  int Found = 0;
  EXPECT_EQ(Process.forEachOpenFile("/memfd:a name",
                                    [&](const OtherProcess::OpenFile &File) {
                                      Found++;
                                      EXPECT_EQ(File.Number, Fd);
                                      EXPECT_EQ(File.Inode, M.Inode);
                                      EXPECT_EQ(File.Device, M.Device);
                                      EXPECT_EQ(File.Size, pages(NumPages));
                                    }),
            0);
  EXPECT_EQ(Found, 1);
  close(Fd);
}

TEST_F(OtherProcessTest, AProcessThatHasExited) {
  start(MAP_ANONYMOUS, -1, [](char *) {});
  OtherPages Pages;
  ASSERT_EQ(Pages.open(Process), 0);
  end();
  // What was open, and what is opened now.
  EXPECT_EQ(
      Pages.forEachRun(Base, pages(NumPages), [](const OtherPageRun &) {}),
      ESRCH);
  int Fd;
  EXPECT_EQ(Process.openFile("smaps", &Fd), ESRCH);
  OtherProcess::Name Name;
  EXPECT_EQ(Process.getName(&Name), ESRCH);
}

TEST_F(OtherProcessTest, NoSuchProcess) {
  const pid_t Child = fork();
  if (Child == 0)
    _exit(0);
  ASSERT_EQ(waitpid(Child, nullptr, 0), Child);
  EXPECT_EQ(Process.open(Child), ESRCH);
}

} // namespace
