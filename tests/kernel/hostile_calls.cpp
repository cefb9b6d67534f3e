// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random calls by processes and threads that mean no good: wrong arguments to
// what makes reference pages, files closed and memory unmapped under others'
// feet, forks, descriptors sent and forgotten. Afterwards memory that nobody
// touched is still contents, and the machine has what it had. Whether the
// kernel complained its log tells, which is for whoever runs this.
//
//   hostile_calls --source=memfd|device|device-unaccounted|device-fresh|syscall
//     --calls=N        so many in all (default 20000)
//     --seed=N         the same choices again, though not the same races
//     --check-memory   fail if the machine, on which nothing else may run, has
//                      less memory afterwards

#include "platform/linux_kernel/refpage.h"
#include "tests/kernel/answer.h"
#include "tests/kernel/block.h"
#include "tests/kernel/source.h"

#include <algorithm>
#include <atomic>
#include <errno.h>
#include <fcntl.h>
#include <iterator>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace refpage_test {
namespace {

constexpr size_t NumProcesses = 4;
constexpr size_t NumThreads = 2;
constexpr size_t NumFiles = 12;
constexpr size_t ArenaBytes = 16UL << 20;

class Random {
public:
  explicit Random(uint64_t Seed) : State(Seed * 2 + 1) {}
  uint64_t next() {
    State ^= State << 13;
    State ^= State >> 7;
    State ^= State << 17;
    return State * 0x2545f4914f6cdd1d;
  }
  uint64_t below(uint64_t End) { return (next() >> 11) % End; }
  bool oneIn(uint64_t Count) { return below(Count) == 0; }
  template <typename T, size_t N> T oneOf(const T (&Values)[N]) {
    return Values[below(N)];
  }

private:
  uint64_t State;
};

// What the threads of one process have in common. Nothing in it is locked: that
// one closes, unmaps and moves what the other uses is the purpose.
struct Common {
  Source From;
  std::atomic<int> Files[NumFiles];
  // All memory that is played with is in here, so that libc's is not.
  uint8_t *Arena;
  int Sockets[2];
  int Memory; // /proc/self/mem
};

struct Range {
  uint8_t *Base;
  size_t Bytes;
};

class Player {
public:
  Player(Common *All, uint64_t Seed) : All(All), R(Seed) {}

  void play(size_t Calls) {
    using Move = void (Player::*)();
    // Those that others need more often.
    static constexpr Move Moves[] = {
        &Player::make,      &Player::make,     &Player::makeWrongly,
        &Player::map,       &Player::map,      &Player::map,
        &Player::touch,     &Player::touch,    &Player::touch,
        &Player::unmap,     &Player::advise,   &Player::advise,
        &Player::protect,   &Player::remap,    &Player::lock,
        &Player::closeFile, &Player::useFile,  &Player::useDevice,
        &Player::reachInto, &Player::sendFile, &Player::receiveFile,
        &Player::movePages,
    };
    for (size_t I = 0; I != Calls; I++)
      if (R.oneIn(150))
        forkChild();
      else
        (this->*R.oneOf(Moves))();
  }

private:
  // Mostly whole pages in the arena.
  Range choose() {
    const size_t Pages = ArenaBytes / pageSize();
    const size_t First = R.below(Pages);
    const size_t Most =
        R.oneIn(8) ? Pages - First : std::min<size_t>(Pages - First, 16);
    return {All->Arena + First * pageSize(), (1 + R.below(Most)) * pageSize()};
  }
  int file() { return All->Files[R.below(NumFiles)]; }
  void keep(int Fd) {
    const int Old = All->Files[R.below(NumFiles)].exchange(Fd);
    if (Old != -1)
      close(Old);
  }

  void make() {
    const size_t Size = size_t(1) << R.below(13);
    const int Fd = All->From.create(contentsOf(All->From), Size);
    if (Fd >= 0)
      keep(Fd);
  }

  void makeWrongly() {
    const uint64_t Address[] = {
        0,
        reinterpret_cast<uintptr_t>(contentsOf(All->From)),
        reinterpret_cast<uintptr_t>(choose().Base),
        reinterpret_cast<uintptr_t>(choose().Base) + R.below(4096),
        0xffff800000000000 | R.next(),
        R.next(),
    };
    const uint32_t Size[] = {0, 1U << R.below(32),
                             static_cast<uint32_t>(R.next()),
                             static_cast<uint32_t>(pageSize())};
    const uint64_t Flags = R.oneIn(2) ? 0 : R.oneIn(2) ? R.below(4) : R.next();
    int Fd = -1;
    if (All->From.way() == Way::Syscall)
      Fd = createBySyscall(R.oneOf(Address), R.oneOf(Size), Flags);
    else if (All->From.isDevice())
      Fd = createByDevice(R.oneOf(Address), R.oneOf(Size), Flags,
                          R.oneIn(4) ? static_cast<uint32_t>(R.next()) : 0);
    if (Fd != -1)
      keep(Fd);
  }

  void map() {
    static constexpr int Prots[] = {PROT_NONE, PROT_READ, ReadWrite,
                                    ReadWrite, ReadWrite, PROT_WRITE};
    static constexpr int More[] = {0,
                                   0,
                                   0,
                                   MAP_POPULATE,
                                   MAP_POPULATE | MAP_NONBLOCK,
                                   MAP_LOCKED,
                                   MAP_NORESERVE,
                                   MAP_STACK,
                                   MAP_GROWSDOWN,
                                   MAP_HUGETLB,
                                   0x80000 /* MAP_SYNC */};
    const Range To = choose();
    const int Prot = R.oneOf(Prots) | (R.oneIn(16) ? PROT_EXEC : 0) |
                     (R.oneIn(16) ? 0x20 /* PROT_MTE */ : 0);
    const int Kind = R.oneIn(8) ? MAP_SHARED : MAP_PRIVATE;
    uint64_t Offset = 0;
    if (R.oneIn(3))
      Offset = R.oneIn(2) ? R.below(1UL << 30) : R.next();
    Offset &= ~(pageSize() - 1);
    ignore(mmap(To.Base, To.Bytes, Prot, Kind | MAP_FIXED | R.oneOf(More),
                file(), static_cast<off_t>(Offset)) == MAP_FAILED);
  }

  void touch() {
    const Range At = choose();
    const size_t Step = R.oneIn(2) ? pageSize() : 3 * pageSize() + 8;
    const bool Writes = R.oneIn(2);
    for (size_t I = R.below(64); I < std::min<size_t>(At.Bytes, 1UL << 18);
         I += Step)
      if (Writes)
        tryWrite(At.Base + I, static_cast<uint8_t>(I));
      else
        tryRead(At.Base + I);
  }

  // What is unmapped is not left to libc for long.
  void unmap() {
    const Range At = choose();
    if (R.oneIn(2))
      munmap(At.Base, At.Bytes);
    ignore(mmap(At.Base, At.Bytes, R.oneIn(2) ? PROT_NONE : ReadWrite,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                0) == MAP_FAILED);
  }

  void advise() {
    // All of Linux 6.18 but those that take pages of the machine out of use.
    static constexpr int Advice[] = {0,  1,  2,  3,  4,  4,   4,   8,   9,  10,
                                     11, 12, 13, 14, 15, 16,  17,  18,  19, 20,
                                     21, 22, 23, 24, 25, 102, 103, 1000};
    const Range At = choose();
    madvise(At.Base + (R.oneIn(32) ? 1 : 0), At.Bytes, R.oneOf(Advice));
  }

  void protect() {
    static constexpr int Prots[] = {
        PROT_NONE,       PROT_READ, ReadWrite, ReadWrite, PROT_READ | PROT_EXEC,
        ReadWrite | 0x20};
    const Range At = choose();
    mprotect(At.Base, At.Bytes, R.oneOf(Prots));
  }

  void remap() {
    const Range At = choose(), To = choose();
    if (R.oneIn(4)) {
      // A length of 0 asks for another mapping of the same.
      const size_t Bytes = R.oneIn(4) ? 0 : At.Bytes;
      void *Memory = mremap(At.Base, Bytes, To.Bytes, 0);
      ignore(Memory == MAP_FAILED);
      return;
    }
    const int More = R.oneIn(4) ? 4 /* MREMAP_DONTUNMAP */ : 0;
    const size_t Bytes = R.oneIn(2) ? At.Bytes : To.Bytes;
    if (mremap(At.Base, At.Bytes,
               std::min<size_t>(Bytes, All->Arena + ArenaBytes - To.Base),
               MREMAP_MAYMOVE | MREMAP_FIXED | More, To.Base) == MAP_FAILED ||
        More)
      return;
    // The hole that it left.
    ignore(
        mmap(At.Base, At.Bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE,
             -1, 0) == MAP_FAILED);
  }

  void lock() {
    const Range At = choose();
    unsigned char Resident[ArenaBytes / 4096];
    switch (R.below(4)) {
    case 0:
      mlock(At.Base, std::min<size_t>(At.Bytes, 1UL << 20));
      break;
    case 1:
      munlock(At.Base, At.Bytes);
      break;
    case 2:
      mincore(At.Base, At.Bytes, Resident);
      break;
    default:
      msync(At.Base, At.Bytes, R.oneIn(2) ? MS_SYNC : MS_ASYNC | MS_INVALIDATE);
      break;
    }
  }

  void closeFile() {
    const int Fd = All->Files[R.below(NumFiles)].exchange(-1);
    if (Fd != -1)
      close(Fd);
  }

  void useFile() {
    const int Fd = file();
    if (Fd == -1)
      return;
    char Bytes[64] = {};
    iovec Vector = {Bytes, sizeof(Bytes)};
    struct stat Status;
    pollfd Poll = {Fd, POLLIN | POLLOUT, 0};
    const auto Offset =
        static_cast<off_t>(R.oneIn(2) ? R.below(8192) : R.next());
    switch (R.below(14)) {
    case 0:
      ignore(read(Fd, Bytes, sizeof(Bytes)));
      break;
    case 1:
      ignore(write(Fd, Bytes, sizeof(Bytes)));
      break;
    case 2:
      ignore(ftruncate(Fd, Offset));
      break;
    case 3:
      lseek(Fd, Offset, static_cast<int>(R.below(6)));
      break;
    case 4:
      fallocate(Fd, static_cast<int>(R.below(64)), Offset, 8192);
      break;
    case 5:
      ioctl(Fd, R.next(), choose().Base);
      break;
    case 6:
      keep(dup(Fd));
      break;
    case 7:
      // By now the number may be another thread's pipe, which must not block.
      fcntl(Fd, F_SETFL, R.next() | O_NONBLOCK);
      break;
    case 8:
      fstat(Fd, &Status);
      break;
    case 9:
      ignore(preadv(Fd, &Vector, 1, Offset));
      break;
    case 10:
      fsync(Fd);
      break;
    case 11:
      poll(&Poll, 1, 0);
      break;
    case 12:
      posix_fadvise(Fd, 0, Offset, static_cast<int>(R.below(8)));
      break;
    default:
      flock(Fd, LOCK_NB | static_cast<int>(R.below(3)));
      break;
    }
  }

  void useDevice() {
    if (!All->From.isDevice())
      return;
    const int Device =
        open(REFPAGE_DEVICE_PATH,
             static_cast<int>(R.oneIn(2) ? O_RDWR : R.below(4)) | O_CLOEXEC);
    if (Device == -1)
      return;
    char Bytes[64] = {};
    const Range At = choose();
    switch (R.below(4)) {
    case 0:
      ignore(read(Device, Bytes, sizeof(Bytes)));
      break;
    case 1:
      ignore(write(Device, Bytes, sizeof(Bytes)));
      break;
    case 2:
      ignore(mmap(At.Base, At.Bytes, ReadWrite, MAP_PRIVATE | MAP_FIXED, Device,
                  0) == MAP_FAILED);
      break;
    default:
      // Any command, but mostly of ours, and any address.
      ignore(ioctl(Device,
                   R.oneIn(2) ? REFPAGE_IOC_CREATE : 0xbc00 | R.below(256),
                   R.oneIn(2) ? At.Base + R.below(4096)
                              : reinterpret_cast<uint8_t *>(R.next())));
      break;
    }
    close(Device);
  }

  // The ways in which the kernel reads and writes memory of processes.
  void reachInto() {
    const Range At = choose(), Other = choose();
    const size_t Bytes = std::min<size_t>({At.Bytes, Other.Bytes, 1UL << 16});
    const auto Address =
        static_cast<off_t>(reinterpret_cast<uintptr_t>(At.Base));
    iovec Local = {Other.Base, Bytes}, Remote = {At.Base, Bytes};
    switch (R.below(6)) {
    case 0:
      process_vm_readv(getpid(), &Local, 1, &Remote, 1, 0);
      break;
    case 1:
      process_vm_writev(getpid(), &Local, 1, &Remote, 1, 0);
      break;
    case 2:
      ignore(pread(All->Memory, Other.Base, Bytes, Address));
      break;
    case 3:
      ignore(pwrite(All->Memory, Other.Base, Bytes, Address));
      break;
    case 4: {
      // What is in the pipe when it is closed has to be let go of.
      int Ends[2];
      if (pipe2(Ends, O_CLOEXEC | O_NONBLOCK) != 0)
        break;
      ignore(vmsplice(Ends[1], &Remote, 1, SPLICE_F_NONBLOCK));
      if (R.oneIn(2))
        ignore(read(Ends[0], Other.Base, Bytes));
      close(Ends[0]);
      close(Ends[1]);
      break;
    }
    default:
      syscall(SYS_futex, At.Base, 1 /* FUTEX_WAKE */, 1, nullptr, nullptr, 0);
      break;
    }
  }

  void sendFile() {
    const int Fd = file();
    if (Fd == -1)
      return;
    char Byte = 0;
    iovec Data = {&Byte, 1};
    alignas(cmsghdr) char Control[CMSG_SPACE(sizeof(int))] = {};
    msghdr Message = {};
    Message.msg_iov = &Data;
    Message.msg_iovlen = 1;
    Message.msg_control = Control;
    Message.msg_controllen = sizeof(Control);
    cmsghdr *Header = CMSG_FIRSTHDR(&Message);
    Header->cmsg_level = SOL_SOCKET;
    Header->cmsg_type = SCM_RIGHTS;
    Header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(Header), &Fd, sizeof(Fd));
    sendmsg(All->Sockets[0], &Message, MSG_DONTWAIT);
  }

  // Of those sent to a process that ends, the kernel closes the rest.
  void receiveFile() {
    char Byte = 0;
    iovec Data = {&Byte, 1};
    alignas(cmsghdr) char Control[CMSG_SPACE(sizeof(int))] = {};
    msghdr Message = {};
    Message.msg_iov = &Data;
    Message.msg_iovlen = 1;
    Message.msg_control = Control;
    Message.msg_controllen = sizeof(Control);
    if (recvmsg(All->Sockets[1], &Message, MSG_DONTWAIT) != 1 ||
        !CMSG_FIRSTHDR(&Message))
      return;
    int Fd;
    memcpy(&Fd, CMSG_DATA(CMSG_FIRSTHDR(&Message)), sizeof(Fd));
    keep(Fd);
  }

  void movePages() {
    const Range At = choose();
    void *Page = At.Base;
    int Node = 0, Status = 0;
    switch (R.below(3)) {
    case 0:
      syscall(SYS_move_pages, 0, 1, &Page, R.oneIn(2) ? &Node : nullptr,
              &Status, 2 /* MPOL_MF_MOVE */);
      break;
    case 1:
      syscall(SYS_mbind, At.Base, At.Bytes, 0 /* MPOL_DEFAULT */, nullptr, 0,
              R.below(8));
      break;
    default:
      syscall(SYS_remap_file_pages, At.Base, At.Bytes, 0, R.below(64), 0);
      break;
    }
  }

  void forkChild() {
    const pid_t Child = fork();
    if (Child == 0) {
      for (int I = 0; I != 3; I++) {
        touch();
        advise();
        touch();
        closeFile();
        unmap();
      }
      // A child of its own, which outlives it.
      if (R.oneIn(4) && fork() == 0)
        touch();
      _exit(0);
    }
    if (Child != -1)
      waitpid(Child, nullptr, 0);
  }

  Common *All;
  Random R;
};

// A process of its own; whether what nobody touched is as it was.
bool playInProcess(const Source &From, size_t Calls, uint64_t Seed) {
  Block Witness(From, 16);
  Block Written(From, 4);
  if (!Witness.holds(0, 8))
    return false;
  memset(Written.base(), 0x5a, Written.bytes());
  close(Witness.fd()); // The mapping lives on, and nobody can touch the file.
  close(Written.fd());

  Common All = {From, {}, nullptr, {-1, -1}, -1};
  for (std::atomic<int> &Fd : All.Files)
    Fd = -1;
  void *Arena = mmap(nullptr, ArenaBytes, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  All.Memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (Arena == MAP_FAILED || All.Memory == -1 ||
      socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, All.Sockets) != 0)
    return false;
  All.Arena = static_cast<uint8_t *>(Arena);
  // Half of them without rights.
  if (Seed % 2)
    becomeNobody();

  // None plays while the next gets its stack: it could lie in the arena.
  std::atomic<size_t> Arrived{0};
  std::vector<std::thread> Threads;
  for (size_t I = 0; I != NumThreads; I++)
    Threads.emplace_back([&, I] {
      for (Arrived++; Arrived != NumThreads;)
        sched_yield();
      Player(&All, Seed * NumThreads + I).play(Calls / NumThreads);
    });
  for (std::thread &Thread : Threads)
    Thread.join();

  if (!Witness.holds()) {
    fprintf(stderr, "memory that nobody wrote: %s\n",
            Witness.describeWrong().c_str());
    return false;
  }
  for (size_t I = 0; I != Written.bytes(); I++)
    if (Written.base()[I] != 0x5a) {
      fprintf(stderr, "byte %zu of what was written is 0x%02x\n", I,
              Written.base()[I]);
      return false;
    }
  return true;
}

bool playAll(const Source &From, size_t Calls, uint64_t Seed) {
  pid_t Children[NumProcesses];
  for (size_t I = 0; I != NumProcesses; I++) {
    Children[I] = fork();
    if (Children[I] == 0)
      _exit(playInProcess(From, Calls / NumProcesses, Seed * NumProcesses + I)
                ? 0
                : 1);
    if (Children[I] == -1)
      return false;
  }
  bool IsRight = true;
  for (size_t I = 0; I != NumProcesses; I++) {
    int Status = 0;
    waitpid(Children[I], &Status, 0);
    if (WIFSIGNALED(Status))
      fprintf(stderr, "process %zu died by %s\n", I,
              signalName(WTERMSIG(Status)).c_str());
    IsRight &= WIFEXITED(Status) && WEXITSTATUS(Status) == 0;
  }
  return IsRight;
}

// What is in use and would not be given back when somebody needs it, in KiB.
size_t readUsed() {
  sync();
  const int Fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
  if (Fd != -1) {
    ignore(write(Fd, "3", 1));
    close(Fd);
  }
  const auto Read = [](const char *Field) {
    return readKiB("/proc/meminfo", Field);
  };
  return Read("MemTotal:") - Read("MemFree:") - Read("Buffers:") -
         Read("Cached:") - Read("SwapCached:") + Read("Shmem:") +
         (Read("SwapTotal:") - Read("SwapFree:"));
}

size_t readModuleUsers() { return readKiB("/sys/module/refpage/refcnt", ""); }

// The kernel gives some things back a little later.
size_t waitForUsed(size_t Wanted) {
  size_t Used = readUsed();
  for (int I = 0; I != 20 && Used > Wanted; I++) {
    usleep(500000);
    Used = readUsed();
  }
  return Used;
}

int runHostileCalls(const Source &From, size_t Calls, uint64_t Seed,
                    bool ChecksMemory) {
  printf("hostile_calls: %s, %zu calls, --seed=%lu\n", From.name(), Calls,
         static_cast<unsigned long>(Seed));
  fflush(stdout);
  allowUnaccounted(true);
  const std::string Why = From.whyMissing();
  if (!Why.empty()) {
    fprintf(stderr, "%s: %s\n", From.name(), Why.c_str());
    return 1;
  }
  // Before there are threads, as all that is made once.
  contentsOf(From);
  // What the kernel keeps for later calls of the kind it takes now: measured, 9
  // MiB until 300,000 calls were made, and no more in the next 900,000.
  if (ChecksMemory && !playAll(From, 40000, Seed + 1))
    return 1;
  const size_t UsersBefore = readModuleUsers();
  const size_t UsedBefore = readUsed();
  const bool IsRight = playAll(From, Calls, Seed);
  if (!IsRight)
    fprintf(stderr, "what came of it is wrong, with --seed=%lu\n",
            static_cast<unsigned long>(Seed));
  if (readModuleUsers() != UsersBefore) {
    fprintf(stderr, "the module has %zu users, before %zu\n", readModuleUsers(),
            UsersBefore);
    return 1;
  }
  if (!ChecksMemory)
    return IsRight ? 0 : 1;
  // A page for each file that was made would be more in 100,000 calls.
  constexpr size_t Slack = 8192;
  const size_t Used = waitForUsed(UsedBefore + Slack / 2);
  printf("hostile_calls: %zu KiB in use, before %zu\n", Used, UsedBefore);
  if (Used > UsedBefore + Slack) {
    fprintf(stderr, "memory was left behind, with --seed=%lu\n",
            static_cast<unsigned long>(Seed));
    return 1;
  }
  return IsRight ? 0 : 1;
}

} // namespace
} // namespace refpage_test

int main(int Count, char **Arguments) {
  using namespace refpage_test;
  Source From(Way::Memfd);
  size_t Calls = 20000;
  bool ChecksMemory = false;
  uint64_t Seed = static_cast<uint64_t>(time(nullptr)) % 1000000;
  for (int I = 1; I != Count; I++) {
    const std::string Argument = Arguments[I];
    const size_t Equals = std::min(Argument.find('='), Argument.size());
    const std::string Key = Argument.substr(0, Equals);
    const char *Value = Arguments[I] + std::min(Equals + 1, Argument.size());
    if (Key == "--calls") {
      Calls = strtoul(Value, nullptr, 10);
    } else if (Key == "--seed") {
      Seed = strtoul(Value, nullptr, 10);
    } else if (Key == "--check-memory") {
      ChecksMemory = true;
    } else if (Key != "--source" || !findSource(Value, &From)) {
      fprintf(stderr, "unknown option or source: %s\n", Arguments[I]);
      return 2;
    }
  }
  return runHostileCalls(From, Calls, Seed, ChecksMemory);
}
