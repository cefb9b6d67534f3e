// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/allocator/hardship.h"

#include "tests/allocator/heap.h"
#include "tests/support/emulator.h"

#include <algorithm>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace refpage_test {
namespace {

constexpr char OwnByte = 'F';
constexpr size_t OwnSize = 4 * MiB;
// The files' own number, which stays open.
constexpr int Keeper = 3;

void sleepFor(unsigned Milliseconds) {
  const timespec Pause = {Milliseconds / 1000,
                          static_cast<long>(Milliseconds % 1000) * 1000000};
  nanosleep(&Pause, nullptr);
}

// While it lives blocks may be refused.
class ScopedScarcity {
public:
  explicit ScopedScarcity(SoakState *Shared) : State(*Shared) {
    State.Scarcity++;
  }
  ~ScopedScarcity() { State.Scarcity++; }

private:
  SoakState &State;
};

} // namespace

Hardship::Hardship(SoakState *Shared, unsigned Seed)
    : State(*Shared), Random(Seed) {}

void Hardship::pause(unsigned MaxMilliseconds) {
  sleepFor(static_cast<unsigned>(upTo(MaxMilliseconds)));
}

void Hardship::closeDescriptors(double Seconds) {
  const double End = getSeconds() + Seconds;
  char Name[] = "/tmp/refpage_soak_XXXXXX";
  const int Fd = mkstemp(Name);
  unlink(Name);
  dup2(Fd, Keeper);
  if (Fd != Keeper)
    close(Fd);
  static char Bytes[64 * KiB];
  memset(Bytes, OwnByte, sizeof(Bytes));
  for (size_t Done = 0; Done != OwnSize; Done += sizeof(Bytes))
    if (pwrite(Keeper, Bytes, sizeof(Bytes), static_cast<off_t>(Done)) !=
        static_cast<ssize_t>(sizeof(Bytes)))
      return State.fail("the program's own file cannot be written");
  struct stat Status;
  fstat(Keeper, &Status);
  OwnInode = Status.st_ino;
  while (getSeconds() < End && !State.Failed) {
    expectOwnFilesUntouched();
    close_range(static_cast<unsigned>(Keeper + 1 + (upTo(3) ? 0 : upTo(1000))),
                ~0U, 0);
    for (int I = Keeper + 1; I != 1024; I++)
      IsOurs[I] = IsOurs[I] && fcntl(I, F_GETFD) != -1;
    if (upTo(3))
      takeNumbers();
    pause(20);
  }
  close_range(Keeper, ~0U, 0);
  // One in a hundred is no such instant.
  if (Lost > 2 + Opened / 100)
    State.fail("of %zu descriptors of the program's %zu were closed", Opened,
               Lost);
  printf("%zu descriptors of the program's, %zu lost\n", Opened, Lost);
}

// Numbers as a program gets them, or all those that were the library's.
void Hardship::takeNumbers() {
  if (upTo(1)) {
    for (size_t I = upTo(20); I != 0; I--)
      if (const int Fd = fcntl(Keeper, F_DUPFD, Keeper + 1);
          Fd != -1 && Fd < 1024)
        IsOurs[Fd] = true;
    return;
  }
  for (int Fd = 950; Fd != 1024; Fd++) {
    // Over what is there only now and then: it may be the library's.
    const bool IsTaken = fcntl(Fd, F_GETFD) != -1;
    if ((!IsTaken || !upTo(9)) && dup2(Keeper, Fd) == Fd)
      IsOurs[Fd] = true;
  }
}

void Hardship::expectOwnFilesUntouched() {
  struct stat Status;
  if (fstat(Keeper, &Status) != 0 || Status.st_ino != OwnInode)
    return State.fail("the program's descriptor %d was closed", Keeper);
  if (Status.st_size != static_cast<off_t>(OwnSize))
    return State.fail("the program's file has %zu bytes",
                      static_cast<size_t>(Status.st_size));
  static char Bytes[64 * KiB];
  for (size_t Done = 0; Done != OwnSize; Done += sizeof(Bytes)) {
    if (pread(Keeper, Bytes, sizeof(Bytes), static_cast<off_t>(Done)) !=
        static_cast<ssize_t>(sizeof(Bytes)))
      return State.fail("the program's file cannot be read");
    for (char Byte : Bytes)
      if (Byte != OwnByte)
        return State.fail("the program's file was written");
  }
  for (int Fd = Keeper + 1; Fd != 1024; Fd++)
    if (IsOurs[Fd]) {
      Opened++;
      Lost += fstat(Fd, &Status) != 0 || Status.st_ino != OwnInode;
    }
}

void Hardship::runOut(double Seconds) {
  const double End = getSeconds() + Seconds;
  for (size_t Kind = upTo(4); getSeconds() < End && !State.Failed;
       Kind = (Kind + 1) % 5) {
    switch (Kind) {
    case 0:
      exhaustDescriptors();
      break;
    case 1:
      limitMemory(RLIMIT_AS, getVirtualBytes() + upTo(64 * MiB));
      break;
    case 2:
      limitMemory(RLIMIT_DATA, upTo(256 * MiB));
      break;
    case 3:
      limit(RLIMIT_FSIZE, upTo(128 * KiB));
      break;
    default:
      exhaustMappings();
      break;
    }
    pause(100);
  }
}

void Hardship::exhaustDescriptors() {
  rlimit Before;
  getrlimit(RLIMIT_NOFILE, &Before);
  rlimit Low = Before;
  Low.rlim_cur = upTo(3) ? upTo(80) : 0;
  setrlimit(RLIMIT_NOFILE, &Low);
  int Taken[128];
  size_t Count = 0;
  while (Count != std::size(Taken) && (Taken[Count] = dup(STDERR_FILENO)) != -1)
    Count++;
  pause(200);
  while (Count)
    close(Taken[--Count]);
  setrlimit(RLIMIT_NOFILE, &Before);
}

void Hardship::limit(int Which, uint64_t Value) {
  const auto Resource = static_cast<__rlimit_resource>(Which);
  rlimit Before;
  getrlimit(Resource, &Before);
  rlimit Low = Before;
  Low.rlim_cur = std::min<rlim_t>(Value, Before.rlim_max);
  setrlimit(Resource, &Low);
  pause(200);
  setrlimit(Resource, &Before);
}

void Hardship::limitMemory(int Which, uint64_t Value) {
  if (!canLimit(static_cast<__rlimit_resource>(Which)))
    return;
  const ScopedScarcity S(&State);
  limit(Which, Value);
}

void Hardship::exhaustMappings() {
  if (getEmulator())
    return; // The emulator's own run out with ours.
  const ScopedScarcity S(&State);
  constexpr size_t Most = 1UL << 20;
  void *Area = mmap(nullptr, Most * Page, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (Area == MAP_FAILED)
    return;
  // Each page that is readable between two that are not is two mappings more.
  for (size_t I = 1; I < Most; I += 2)
    if (mprotect(static_cast<char *>(Area) + I * Page, Page, PROT_READ) != 0)
      break;
  pause(200);
  munmap(Area, Most * Page);
}

} // namespace refpage_test
