// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the kernel gets at the memory of a block for others than its owner's
// loads and stores: system calls that read and write it, debuggers, devices.

#include "tests/kernel/block.h"
#include "tests/kernel/rows.h"

#include <algorithm>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace refpage_test {
namespace {

void expect(bool Holds, const char *What) {
  if (!Holds)
    endProbe(no(What));
}

void expectContents(Block *B, size_t First, size_t End) {
  if (!B->holds(First, End))
    endProbe(no(B->describeWrong()));
}

bool isAll(const uint8_t *Bytes, size_t Size, uint8_t Value) {
  return std::all_of(Bytes, Bytes + Size,
                     [=](uint8_t Byte) { return Byte == Value; });
}

// A pipe that holds as much as is put into it here.
struct Pipe {
  Pipe() {
    if (pipe2(Ends, O_CLOEXEC) != 0)
      giveUp("pipe");
  }
  int from() const { return Ends[0]; }
  int to() const { return Ends[1]; }
  int Ends[2];
};

// A file, or a block device, for direct I/O of 16 pages.
int openDirect() {
  const std::string &Path = settings().Scratch;
  struct stat Status;
  if (stat(Path.c_str(), &Status) != 0)
    endProbe(unknown(Path + ": " + errnoName(errno)));
  int Fd;
  if (S_ISBLK(Status.st_mode)) {
    Fd = open(Path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
  } else {
    // Of memory, where direct I/O is a copy.
    constexpr long Tmpfs = 0x01021994;
    struct statfs FileSystem;
    if (statfs(Path.c_str(), &FileSystem) == 0 && FileSystem.f_type == Tmpfs)
      endProbe(unknown(Path + " is in memory"));
    Fd = open(Path.c_str(), O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
  }
  if (Fd == -1)
    endProbe(unknown("no direct I/O in " + Path + ": " + errnoName(errno)));
  return Fd;
}

// Anonymous memory, filled.
uint8_t *makeFilled(size_t Bytes, uint8_t Value) {
  uint8_t *Memory = Source(Way::Anonymous).map(-1, Bytes, ReadWrite);
  if (!Memory)
    giveUp("mmap");
  memset(Memory, Value, Bytes);
  return Memory;
}

int openMemory() {
  const int Fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (Fd == -1)
    giveUp("/proc/self/mem");
  return Fd;
}

off_t asOffset(const uint8_t *Address) {
  return static_cast<off_t>(reinterpret_cast<uintptr_t>(Address));
}

} // namespace

Answer readInto(const Source &From) {
  Block B(From, 4);
  const Pipe P;
  const uint8_t *Filled = makeFilled(2 * pageSize(), 0x21);
  // A page and a half, to the middle of the second.
  const size_t Size = pageSize() + pageSize() / 2;
  if (write(P.to(), Filled, Size) != static_cast<ssize_t>(Size))
    giveUp("write");
  if (read(P.from(), B.page(1), Size) != static_cast<ssize_t>(Size))
    return ofResult(-1, "read");
  expect(isAll(B.page(1), Size, 0x21), "other bytes");
  expect(memcmp(B.page(2) + pageSize() / 2, contentsOf(From) + pageSize() / 2,
                pageSize() / 2) == 0,
         "the rest of the page is not contents");
  expectContents(&B, 0, 1);
  expectContents(&B, 3, 4);
  return yes();
}

Answer writeFrom(const Source &From) {
  for (bool ReadsBefore : {false, true}) {
    Block B(From, 4);
    if (ReadsBefore)
      expectContents(&B, 0, 4);
    const Pipe P;
    const ssize_t Size = static_cast<ssize_t>(B.bytes());
    if (write(P.to(), B.base(), B.bytes()) != Size)
      return ofResult(-1, "write");
    uint8_t *Copy = makeFilled(B.bytes(), 0);
    if (read(P.from(), Copy, B.bytes()) != Size)
      giveUp("read");
    for (size_t I = 0; I != B.pages(); I++)
      expect(memcmp(Copy + I * pageSize(), contentsOf(From), pageSize()) == 0,
             "other bytes");
  }
  return yes();
}

Answer directReadInto(const Source &From) {
  const int Fd = openDirect();
  Block B(From, 16);
  uint8_t *Filled = makeFilled(8 * pageSize(), 0x21);
  const size_t Size = 8 * pageSize();
  if (pwrite(Fd, Filled, Size, 0) != static_cast<ssize_t>(Size))
    giveUp("direct write of other memory");
  expectContents(&B, 4, 8); // Some were read before.
  if (pread(Fd, B.page(4), Size, 0) != static_cast<ssize_t>(Size))
    return ofResult(-1, "pread");
  expect(isAll(B.page(4), Size, 0x21), "other bytes");
  expectContents(&B, 0, 4);
  expectContents(&B, 12, 16);
  return yes();
}

Answer directWriteFrom(const Source &From) {
  const int Fd = openDirect();
  for (bool ReadsBefore : {false, true}) {
    Block B(From, 8);
    if (ReadsBefore)
      expectContents(&B, 0, 8);
    const ssize_t Size = static_cast<ssize_t>(B.bytes());
    if (pwrite(Fd, B.base(), B.bytes(), 0) != Size)
      return ofResult(-1, "pwrite");
    uint8_t *Copy = makeFilled(B.bytes(), 0);
    if (pread(Fd, Copy, B.bytes(), 0) != Size)
      giveUp("direct read into other memory");
    for (size_t I = 0; I != B.pages(); I++)
      expect(memcmp(Copy + I * pageSize(), contentsOf(From), pageSize()) == 0,
             "other bytes");
  }
  return yes();
}

Answer spliceFrom(const Source &From) {
  for (bool ReadsBefore : {false, true}) {
    Block B(From, 4);
    if (ReadsBefore)
      expectContents(&B, 0, 4);
    const Pipe P;
    iovec Range = {B.base(), B.bytes()};
    const ssize_t Size = static_cast<ssize_t>(B.bytes());
    const ssize_t Spliced = vmsplice(P.to(), &Range, 1, SPLICE_F_NONBLOCK);
    if (Spliced == -1)
      return ofResult(-1, ReadsBefore ? "read pages" : "untouched pages");
    expect(Spliced == Size, "in part");
    uint8_t *Copy = makeFilled(B.bytes(), 0);
    expect(read(P.from(), Copy, B.bytes()) == Size, "in part");
    for (size_t I = 0; I != B.pages(); I++)
      expect(memcmp(Copy + I * pageSize(), contentsOf(From), pageSize()) == 0,
             "other bytes");
  }
  return yes();
}

namespace {

// Lets a child with the block stand still, calls Reach(Pid), and tells whether
// Then() holds in the child afterwards. Whoever reaches has other memory at the
// block's addresses, as another program has: from that nothing may come.
template <typename F, typename G>
bool reachIntoChild(const Block &B, F Reach, G Then) {
  const pid_t Child = fork();
  if (Child == -1)
    giveUp("fork");
  if (Child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
      _exit(1);
    raise(SIGSTOP);
    _exit(Then() ? 0 : 1);
  }
  int Status = 0;
  if (waitpid(Child, &Status, 0) != Child || !WIFSTOPPED(Status))
    giveUp("waitpid");
  if (mmap(B.base(), B.bytes(), ReadWrite,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    giveUp("mmap");
  memset(B.base(), 0x77, B.bytes());
  Reach(Child);
  ptrace(PTRACE_DETACH, Child, nullptr, nullptr);
  waitpid(Child, &Status, 0);
  return WIFEXITED(Status) && WEXITSTATUS(Status) == 0;
}

} // namespace

Answer otherProcessReads(const Source &From) {
  for (bool ReadsBefore : {false, true}) {
    Block B(From, 4);
    if (ReadsBefore)
      expectContents(&B, 0, 4);
    uint8_t *Copy = makeFilled(B.bytes(), 0);
    iovec Local = {Copy, B.bytes()}, Remote = {B.base(), B.bytes()};
    ssize_t Got = -1;
    int Errno = 0;
    reachIntoChild(
        B,
        [&](pid_t Child) {
          Got = process_vm_readv(Child, &Local, 1, &Remote, 1, 0);
          Errno = errno;
        },
        [] { return true; });
    if (Got == -1)
      return ofErrno(Errno, ReadsBefore ? "read pages" : "untouched pages");
    expect(Got == static_cast<ssize_t>(B.bytes()), "in part");
    for (size_t I = 0; I != B.pages(); I++)
      expect(memcmp(Copy + I * pageSize(), contentsOf(From), pageSize()) == 0,
             "other bytes");
  }
  return yes();
}

Answer otherProcessWrites(const Source &From) {
  for (bool ReadsBefore : {false, true}) {
    Block B(From, 4);
    if (ReadsBefore)
      expectContents(&B, 0, 4);
    const uint8_t Byte = otherThan(contentsOf(From)[9]);
    iovec Local = {const_cast<uint8_t *>(&Byte), 1},
          Remote = {B.page(1) + 9, 1};
    int Errno = 0;
    const bool IsRight = reachIntoChild(
        B,
        [&](pid_t Child) {
          if (process_vm_writev(Child, &Local, 1, &Remote, 1, 0) != 1)
            Errno = errno;
        },
        [&] { return B.page(1)[9] == Byte && B.holds(0, 4, B.page(1) + 9); });
    if (Errno)
      return ofErrno(Errno, ReadsBefore ? "read pages" : "untouched pages");
    expect(IsRight, ReadsBefore ? "of read pages" : "of untouched pages");
  }
  return yes();
}

static Answer readMemory(const Source &From, int Prot) {
  for (bool ReadsBefore : {false, true}) {
    Block B(From, 4);
    if (ReadsBefore)
      expectContents(&B, 0, 4);
    mprotect(B.base(), B.bytes(), Prot);
    uint8_t *Copy = makeFilled(B.bytes(), 0);
    const ssize_t Got =
        pread(openMemory(), Copy, B.bytes(), asOffset(B.base()));
    if (Got == -1)
      return ofResult(-1, ReadsBefore ? "read pages" : "untouched pages");
    expect(Got == static_cast<ssize_t>(B.bytes()), "in part");
    for (size_t I = 0; I != B.pages(); I++)
      expect(memcmp(Copy + I * pageSize(), contentsOf(From), pageSize()) == 0,
             "other bytes");
  }
  return yes();
}

Answer memRead(const Source &From) { return readMemory(From, ReadWrite); }
Answer memReadProtected(const Source &From) {
  return readMemory(From, PROT_NONE);
}

Answer memWriteProtected(const Source &From) {
  for (bool ReadsBefore : {false, true}) {
    Block B(From, 4);
    if (ReadsBefore)
      expectContents(&B, 0, 4);
    mprotect(B.base(), B.bytes(), PROT_NONE);
    const uint8_t Byte = otherThan(contentsOf(From)[9]);
    if (pwrite(openMemory(), &Byte, 1, asOffset(B.page(1) + 9)) != 1)
      return ofResult(-1, ReadsBefore ? "read pages" : "untouched pages");
    mprotect(B.base(), B.bytes(), ReadWrite);
    expect(B.page(1)[9] == Byte, "the store is lost");
    if (!B.holds(0, 4, B.page(1) + 9))
      return no(B.describeWrong());
  }
  return yes();
}

Answer debuggerPeeks(const Source &From) {
  for (bool ReadsBefore : {false, true}) {
    Block B(From, 4);
    if (ReadsBefore)
      expectContents(&B, 0, 4);
    int Errno = 0;
    long Word = 0;
    reachIntoChild(
        B,
        [&](pid_t Child) {
          errno = 0;
          Word = ptrace(PTRACE_PEEKDATA, Child, B.page(1), nullptr);
          Errno = errno;
        },
        [] { return true; });
    if (Errno)
      return ofErrno(Errno, ReadsBefore ? "read pages" : "untouched pages");
    expect(memcmp(&Word, contentsOf(From), sizeof(Word)) == 0, "other bytes");
  }
  return yes();
}

Answer debuggerPokes(const Source &From) {
  constexpr long Poked = 0x1234567;
  for (bool ReadsBefore : {false, true}) {
    Block B(From, 4, PROT_READ);
    if (ReadsBefore)
      expectContents(&B, 0, 4);
    int Errno = 0;
    const bool IsRight = reachIntoChild(
        B,
        [&](pid_t Child) {
          if (ptrace(PTRACE_POKEDATA, Child, B.page(1), Poked) != 0)
            Errno = errno;
        },
        [&] {
          long Word;
          memcpy(&Word, B.page(1), sizeof(Word));
          return Word == Poked &&
                 memcmp(B.page(1) + sizeof(Word),
                        contentsOf(From) + sizeof(Word),
                        pageSize() - sizeof(Word)) == 0 &&
                 B.holds(0, 1) && B.holds(2, 4);
        });
    if (Errno)
      return ofErrno(Errno, ReadsBefore ? "read pages" : "untouched pages");
    expect(IsRight, ReadsBefore ? "of read pages" : "of untouched pages");
  }
  return yes();
}

Answer sharedFutex(const Source &From) {
  Block B(From, 4);
  if (syscall(SYS_futex, B.page(1), FUTEX_WAKE, 1, nullptr, nullptr, 0) != 0)
    return ofResult(-1, "FUTEX_WAKE");
  uint32_t Other;
  memcpy(&Other, contentsOf(From), sizeof(Other));
  Other++;
  if (syscall(SYS_futex, B.page(2), FUTEX_WAIT, Other, nullptr, nullptr, 0) ==
          0 ||
      errno != EAGAIN)
    return ofErrno(errno, "FUTEX_WAIT");
  expectContents(&B, 0, 4);
  return yes();
}

Answer registeredBuffer(const Source &From) {
  io_uring_params Parameters = {};
  const int Ring =
      static_cast<int>(syscall(SYS_io_uring_setup, 4, &Parameters));
  if (Ring == -1)
    return unknown("io_uring_setup: " + errnoName(errno));
  Block B(From, 8);
  expectContents(&B, 0, 4);
  iovec Range = {B.base(), B.bytes()};
  if (syscall(SYS_io_uring_register, Ring, IORING_REGISTER_BUFFERS, &Range,
              1) != 0)
    return ofResult(-1);
  expectContents(&B, 0, 8);
  return yes();
}

Answer userfault(const Source &From) {
  constexpr int UserModeOnly = 1; // UFFD_USER_MODE_ONLY, Linux 5.11.
  const int Fd = static_cast<int>(
      syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UserModeOnly));
  if (Fd == -1)
    return unknown("userfaultfd: " + errnoName(errno));
  uffdio_api Api = {};
  Api.api = UFFD_API;
  if (ioctl(Fd, UFFDIO_API, &Api) != 0)
    return unknown("UFFDIO_API: " + errnoName(errno));
  const Block B(From, 4);
  uffdio_register Register = {};
  Register.range.start = reinterpret_cast<uintptr_t>(B.base());
  Register.range.len = B.bytes();
  Register.mode = UFFDIO_REGISTER_MODE_MISSING;
  return ofResult(ioctl(Fd, UFFDIO_REGISTER, &Register));
}

namespace {

std::string readLine(const char *Path) {
  char Line[256] = {};
  FILE *File = fopen(Path, "re");
  if (!File)
    return {};
  if (!fgets(Line, sizeof(Line), File))
    Line[0] = '\0';
  fclose(File);
  std::string Text = Line;
  while (!Text.empty() && Text.back() == '\n')
    Text.pop_back();
  return Text;
}

// The bytes of the range in the core file; as many as it has.
std::string readCore(const char *Path, const uint8_t *Base, size_t Bytes) {
  std::string Result;
  const int Fd = open(Path, O_RDONLY | O_CLOEXEC);
  Elf64_Ehdr Header;
  if (Fd == -1 || pread(Fd, &Header, sizeof(Header), 0) != sizeof(Header))
    giveUp(Path);
  const uintptr_t Start = reinterpret_cast<uintptr_t>(Base);
  for (int I = 0; I != Header.e_phnum; I++) {
    Elf64_Phdr Segment;
    if (pread(Fd, &Segment, sizeof(Segment),
              static_cast<off_t>(Header.e_phoff) +
                  I * static_cast<off_t>(sizeof(Segment))) != sizeof(Segment))
      giveUp("a core file that ends");
    if (Segment.p_type != PT_LOAD || Start < Segment.p_vaddr ||
        Start >= Segment.p_vaddr + Segment.p_filesz)
      continue;
    const uint64_t Skip = Start - Segment.p_vaddr;
    Result.resize(std::min<uint64_t>(Bytes, Segment.p_filesz - Skip));
    if (pread(Fd, Result.data(), Result.size(),
              static_cast<off_t>(Segment.p_offset + Skip)) !=
        static_cast<ssize_t>(Result.size()))
      giveUp("a core file that ends");
  }
  close(Fd);
  return Result;
}

// What is of the block in the core dump of a child that dies now.
std::string dumpChild(const Block &B) {
  const std::string Pattern = readLine("/proc/sys/kernel/core_pattern");
  if (Pattern.empty() || Pattern[0] == '|' || Pattern[0] == '/')
    endProbe(unknown("core dumps go elsewhere: " + Pattern));
  char Folder[] = "/tmp/conformance.XXXXXX";
  if (!mkdtemp(Folder) || chdir(Folder) != 0)
    giveUp("mkdtemp");
  const int Signal = runInProcess([] {
    rlimit Limit;
    getrlimit(RLIMIT_CORE, &Limit);
    Limit.rlim_cur = Limit.rlim_max;
    setrlimit(RLIMIT_CORE, &Limit);
    prctl(PR_SET_DUMPABLE, 1);
    // What Linux starts with. Some parents change it: Java's, as Bazel is one.
    const int Filter = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    ignore(write(Filter, "0x33", 4));
    close(Filter);
    signal(SIGQUIT, SIG_DFL);
    raise(SIGQUIT);
    return false;
  });
  std::string Name, Found;
  if (DIR *Files = opendir(".")) {
    while (const dirent *Entry = readdir(Files))
      if (Entry->d_name[0] != '.')
        Name = Entry->d_name;
    closedir(Files);
  }
  if (!Name.empty()) {
    Found = readCore(Name.c_str(), B.base(), B.bytes());
    unlink(Name.c_str());
  }
  ignore(chdir("/"));
  rmdir(Folder);
  if (Name.empty())
    endProbe(unknown("no core file, " + signalName(Signal)));
  return Found;
}

} // namespace

Answer coreDumpOfWritten(const Source &From) {
  Block B(From, 16);
  expectContents(&B, 0, 8);
  uint8_t *At = B.page(3) + 9;
  *At = otherThan(*At);
  const std::string Core = dumpChild(B);
  expect(Core.size() == B.bytes(), "in part");
  for (size_t I = 0; I != Core.size(); I++) {
    const uint8_t Byte = static_cast<uint8_t>(Core[I]);
    if (Byte != (B.base() + I == At ? *At : contentsOf(From)[I % pageSize()]))
      return no("byte " + std::to_string(I));
  }
  return yes();
}

Answer coreDumpOfClean(const Source &From) {
  Block B(From, 16);
  if (From.way() != Way::Anonymous)
    expectContents(&B, 0, 8);
  const std::string Core = dumpChild(B);
  return yesIf(Core.size() == B.bytes(),
               std::to_string(Core.size()) + " bytes");
}

} // namespace refpage_test
