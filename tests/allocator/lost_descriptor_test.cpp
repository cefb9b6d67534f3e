// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 2: an fd that the program closed and reused never shows another
// file's bytes in the heap, and the heap never touches the program's files.

#include "tests/allocator/heap.h"
#include "tests/support/emulator.h"

#include <atomic>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace refpage_test;

namespace {

// A file of the program's own, full of X.
int openOwnFile() {
  char Name[] = "/tmp/refpage_test_XXXXXX";
  const int Fd = mkstemp(Name);
  EXPECT_NE(Fd, -1);
  unlink(Name);
  const std::vector<char> Bytes(5 * MiB, 'X');
  EXPECT_EQ(write(Fd, Bytes.data(), Bytes.size()),
            static_cast<ssize_t>(Bytes.size()));
  return Fd;
}

class LostDescriptorTest : public testing::Test {
protected:
  void SetUp() override { Old = makeBlock(); }
  void TearDown() override {
    expectPattern(Old, 0, 4 * MiB);
    free(Old);
    for (int Fd : OwnFds)
      close(Fd);
  }

  static void *makeBlock() {
    void *Ptr = malloc(4 * MiB);
    EXPECT_NE(Ptr, nullptr);
    expectPattern(Ptr, 0, 4 * MiB);
    return Ptr;
  }

  // After failures windows are not tried for at every block; and a size that
  // nothing is known about is what gets one.
  static void makeWindow() {
    for (int I = 0; I != 100 && listWindowDescriptors().empty(); I++)
      free(malloc(9 * MiB));
  }

  // Every number up to 1023 that is free.
  void takeAllNumbers(int OwnFile) {
    OwnFds.push_back(OwnFile);
    for (int Fd; (Fd = fcntl(OwnFile, F_DUPFD, 3)) != -1 && Fd < 1024;)
      OwnFds.push_back(Fd);
  }

  void expectOwnFilesUntouched() {
    for (int Fd : OwnFds) {
      char Byte = 0;
      ASSERT_EQ(pread(Fd, &Byte, 1, 4 * MiB), 1) << Fd;
      EXPECT_EQ(Byte, 'X');
      EXPECT_EQ(describeDescriptor(Fd), describeDescriptor(OwnFds[0]));
    }
  }

  void *Old = nullptr;
  std::vector<int> OwnFds;
};

TEST_F(LostDescriptorTest, AllDescriptorsClosed) {
  ASSERT_EQ(close_range(3, ~0U, 0), 0);
  for (int I = 0; I != 10; I++)
    free(makeBlock());
}

TEST_F(LostDescriptorTest, AllDescriptorsClosedAndReused) {
  ASSERT_EQ(close_range(3, ~0U, 0), 0);
  takeAllNumbers(openOwnFile());
  for (int I = 0; I != 10; I++) {
    void *Ptr = makeBlock();
    memset(Ptr, 1, 4 * MiB);
    free(Ptr);
  }
  expectOwnFilesUntouched();
}

TEST_F(LostDescriptorTest, ClosedAndReusedAgainAndAgain) {
  for (int I = 0; I != 30; I++) {
    ASSERT_EQ(close_range(3, ~0U, 0), 0);
    const int Fd = openOwnFile();
    for (int Window : {1020, 980, 970, 960, 961, 962})
      if (dup2(Fd, Window) == Window)
        OwnFds.push_back(Window);
    free(makeBlock());
    OwnFds.clear();
  }
}

// A block that begins with pages that are kept, where the rest was to be views.
TEST_F(LostDescriptorTest, NoWindowForTheRestOfABlock) {
  constexpr size_t Size = 5 * MiB;
  // Until it is known that such blocks get written whole.
  for (int I = 0; I != 40; I++) {
    void *Ptr = malloc(Size);
    ASSERT_NE(Ptr, nullptr);
    free(memset(Ptr, 1, Size));
  }
  rlimit Before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Before), 0);
  const rlimit Few = {1024, Before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Few), 0);
  ASSERT_EQ(close_range(3, ~0U, 0), 0);
  takeAllNumbers(openOwnFile());
  malloc_trim(0);
  free(memset(makeBlock(), 1, 4 * MiB));
  void *Ptr = malloc(Size);
  ASSERT_NE(Ptr, nullptr);
  expectPattern(Ptr, 0, Size);
  free(Ptr);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Before), 0);
}

TEST_F(LostDescriptorTest, ClosedByAnotherThreadAllTheTime) {
  volatile bool Stop = false;
  const int Own = openOwnFile();
  ASSERT_EQ(dup2(Own, 3), 3);
  std::thread Closer([&] {
    while (!Stop) {
      close_range(4, ~0U, 0);
      for (int Fd = 950; Fd != 1000; Fd++)
        dup2(3, Fd);
    }
  });
  for (int I = 0; I != fewerIfEmulated(300); I++)
    free(makeBlock());
  Stop = true;
  Closer.join();
  close_range(3, ~0U, 0);
}

// While windows are made, too: a program that closes everything and opens files
// in one thread while another allocates.
TEST_F(LostDescriptorTest, TheProgramsFilesAreNeverWrittenNorClosed) {
  // The moment between looking at a descriptor and using it cannot be helped;
  // on a processor the other thread does not get so far in it.
  if (getEmulator())
    GTEST_SKIP() << "the emulator takes too long over a system call";
  std::atomic<bool> Stop{false};
  std::atomic<int> Damaged{0};
  std::thread Opener([&] {
    while (!Stop) {
      close_range(3, ~0U, 0);
      const int Fd = memfd_create("own", MFD_CLOEXEC | MFD_ALLOW_SEALING);
      if (Fd == -1 || write(Fd, "own", 3) != 3)
        continue;
      for (int I = 0; I != 10; I++)
        fcntl(Fd, F_DUPFD, 3);
      usleep(100);
      struct stat Status;
      char Text[3];
      if (fstat(Fd, &Status) == -1 || Status.st_size != 3 ||
          pread(Fd, Text, 3, 0) != 3 || memcmp(Text, "own", 3) != 0 ||
          pwrite(Fd, "own", 3, 0) != 3)
        Damaged++;
    }
  });
  for (int I = 0; I != 500; I++)
    free(makeBlock());
  Stop = true;
  Opener.join();
  EXPECT_EQ(Damaged, 0);
  close_range(3, ~0U, 0);
}

TEST_F(LostDescriptorTest, WindowsAreParkedHighAndCloseOnExec) {
  makeWindow();
  if (usesWindows()) {
    ASSERT_FALSE(listWindowDescriptors().empty());
  }
  for (int Fd : listWindowDescriptors()) {
    EXPECT_GE(Fd, 900);
    EXPECT_EQ(fcntl(Fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
}

// Nothing in the process can change a reference page.
TEST_F(LostDescriptorTest, WindowsCannotBeChanged) {
  makeWindow();
  if (usesWindows()) {
    ASSERT_FALSE(listWindowDescriptors().empty());
  }
  for (int Fd : listWindowDescriptors()) {
    EXPECT_EQ(pwrite(Fd, "X", 1, 0), -1);
    EXPECT_EQ(ftruncate(Fd, 0), -1);
    const std::string Path = "/proc/self/fd/" + std::to_string(Fd);
    const int Again = open(Path.c_str(), O_RDWR | O_CLOEXEC);
    if (Again != -1) {
      EXPECT_EQ(pwrite(Again, "X", 1, 0), -1);
      close(Again);
    }
  }
}

} // namespace
