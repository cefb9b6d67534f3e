// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/allocator/fault_paths.h"

#include "scudo_refpage.h"
#include "tests/allocator/heap.h"

#include <algorithm>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace refpage_test {
namespace {

// The first bytes of each third page are written: sparse, and all over.
constexpr size_t Step = 3 * Page;

void write(void *Ptr, size_t From, size_t To) {
  for (size_t I = (From + Step - 1) / Step * Step; I + 8 <= To; I += Step)
    memcpy(static_cast<char *>(Ptr) + I, &I, 8);
}

void expectWritten(PathChecks *Checks, const void *Ptr, size_t Size) {
  for (size_t I = 0; I + 8 <= Size; I += Step)
    if (memcmp(static_cast<const char *>(Ptr) + I, &I, 8) != 0)
      return Checks->fail("what was written is lost");
}

void expectClean(PathChecks *Checks, const void *Ptr, size_t From, size_t To,
                 bool Zeroed) {
  if (!Zeroed && !isFilled())
    return;
  const uint64_t Pattern = Zeroed ? 0 : refpage::getOptions().pattern.Value;
  if (findNotPattern(Ptr, From, To, Pattern) != -1)
    Checks->fail(Zeroed ? "zeros are none" : "the pattern is not there");
}

enum class Way { Malloc, Calloc, Memalign, PosixMemalign };

void *get(PathChecks *Checks, size_t Size, Way How = Way::Malloc,
          size_t Alignment = 0) {
  void *Ptr = nullptr;
  int Error;
  errno = 0;
  switch (How) {
  case Way::Malloc:
    Ptr = malloc(Size);
    break;
  case Way::Calloc:
    Ptr = calloc(1, Size);
    break;
  case Way::Memalign:
    Ptr = memalign(Alignment, Size);
    break;
  case Way::PosixMemalign:
    Error = posix_memalign(&Ptr, Alignment, Size);
    if (errno)
      Checks->fail("posix_memalign changes errno");
    errno = Error;
    break;
  }
  // Where upstream finds no memory for small blocks it tries larger ones.
  const bool MayChange = Ptr && Size < 64 * KiB;
  if (errno != (Ptr ? 0 : ENOMEM) && !MayChange)
    Checks->fail("errno is wrong");
  if (!Ptr) {
    Checks->Refused++;
    return nullptr;
  }
  if (Alignment && placeOf(Ptr) % Alignment)
    Checks->fail("a block is not aligned");
  expectClean(Checks, Ptr, 0, Size, How == Way::Calloc);
  write(Ptr, 0, Size);
  return Ptr;
}

void release(PathChecks *Checks, void *Ptr) {
  errno = EXDEV;
  free(Ptr);
  if (errno != EXDEV)
    Checks->fail("free() changes errno");
}

// What a block is after realloc(): the old one if there is no memory.
struct Resized {
  void *Ptr;
  size_t Size;
};
Resized resize(PathChecks *Checks, Resized B, size_t Size) {
  if (!B.Ptr)
    return B;
  errno = 0;
  void *New = realloc(B.Ptr, Size);
  if (errno != (New ? 0 : ENOMEM))
    Checks->fail("errno is wrong");
  if (!New) {
    Checks->Refused++;
    expectWritten(Checks, B.Ptr, B.Size);
    return B;
  }
  expectWritten(Checks, New, std::min(B.Size, Size));
  expectClean(Checks, New, std::min(B.Size, Size), Size, false);
  write(New, B.Size, Size);
  return {New, Size};
}

void useAndRelease(PathChecks *Checks, size_t Size, Way How = Way::Malloc) {
  void *Ptr = get(Checks, Size, How);
  if (Ptr)
    expectWritten(Checks, Ptr, Size);
  release(Checks, Ptr);
}

void useDensely(PathChecks *Checks, size_t Size) {
  void *Ptr = get(Checks, Size);
  if (Ptr)
    memset(Ptr, 1, Size);
  release(Checks, Ptr);
}

// That all of a size is written has to be known: from four blocks.
void learnDensity(size_t Size) {
  PathChecks Unused;
  for (int I = 0; I != 5; I++) {
    useDensely(&Unused, Size);
    malloc_trim(0); // Only what is fresh counts.
  }
}

void nothing() {}

// --- fresh blocks ------------------------------------------------------------

void liveFresh(PathChecks *Checks) {
  for (size_t Size : {300 * KiB, 700 * KiB, 5 * MiB})
    useAndRelease(Checks, Size);
}

void liveFreshZeroed(PathChecks *Checks) {
  for (size_t Size : {300 * KiB, 5 * MiB})
    useAndRelease(Checks, Size, Way::Calloc);
}

// The whole of these is asked for first.
void liveVeryLarge(PathChecks *Checks) {
  void *Ptr = get(Checks, 72 * MiB);
  release(Checks, Ptr);
}

// Each is worth a larger window.
void liveGrowingWindows(PathChecks *Checks) {
  void *Ptrs[5];
  size_t Size = 200 * KiB;
  for (void *&Ptr : Ptrs) {
    Ptr = get(Checks, Size);
    Size *= 3;
  }
  for (void *Ptr : Ptrs)
    release(Checks, Ptr);
}

void prepareDense() { learnDensity(8 * MiB); }
void liveDense(PathChecks *Checks) {
  useDensely(Checks, 8 * MiB);
  useDensely(Checks, 8 * MiB);
}

void liveAligned(PathChecks *Checks) {
  void *Ptrs[] = {get(Checks, 600 * KiB, Way::Memalign, MiB),
                  get(Checks, 300 * KiB, Way::PosixMemalign, Page),
                  get(Checks, 100, Way::Memalign, 256 * KiB),
                  get(Checks, MiB, Way::PosixMemalign, 64)};
  for (void *Ptr : Ptrs)
    release(Checks, Ptr);
}

void liveSmall(PathChecks *Checks) {
  for (size_t Size : {100UL, 3000UL, 60 * KiB}) {
    void *Ptrs[100];
    for (void *&Ptr : Ptrs)
      Ptr = get(Checks, Size);
    for (void *Ptr : Ptrs)
      release(Checks, Ptr);
  }
}

// --- kept blocks -------------------------------------------------------------

void liveReused(PathChecks *Checks) {
  for (int I = 0; I != 4; I++) {
    useAndRelease(Checks, 3 * MiB);
    useAndRelease(Checks, 300 * KiB);
    useDensely(Checks, MiB);
  }
}

void liveReusedZeroed(PathChecks *Checks) {
  for (int I = 0; I != 3; I++)
    for (size_t Size : {300 * KiB, 5 * MiB}) {
      useAndRelease(Checks, Size);
      useAndRelease(Checks, Size, Way::Calloc);
    }
}

// Dense blocks are moved away to be protected, sparse ones where they are.
void liveProtected(PathChecks *Checks) {
  for (int I = 0; I != 3; I++) {
    useDensely(Checks, 5 * MiB);
    useAndRelease(Checks, 4 * MiB);
  }
}

void liveCut(PathChecks *Checks) {
  useDensely(Checks, 5 * MiB);
  useAndRelease(Checks, 3 * MiB);
  void *Front = get(Checks, 900 * KiB);
  void *Rest = get(Checks, MiB);
  release(Checks, Front);
  release(Checks, Rest);
}

void prepareGathered() { learnDensity(8 * MiB); }
void liveGathered(PathChecks *Checks) {
  void *Ptrs[3];
  for (void *&Ptr : Ptrs) {
    Ptr = get(Checks, 8 * MiB);
    if (Ptr)
      memset(Ptr, 1, 8 * MiB);
  }
  for (void *Ptr : Ptrs)
    release(Checks, Ptr);
  useDensely(Checks, 14 * MiB);
}

// More than are kept.
void prepareEvicted() { mallopt(M_CACHE_COUNT_MAX, 3); }
void liveEvicted(PathChecks *Checks) {
  void *Ptrs[6];
  for (size_t I = 0; I != std::size(Ptrs); I++)
    Ptrs[I] = get(Checks, MiB + I * 100 * KiB);
  for (void *Ptr : Ptrs)
    release(Checks, Ptr);
}

void prepareReleased() { mallopt(M_DECAY_TIME, 0); }
void liveReleased(PathChecks *Checks) {
  for (int I = 0; I != 2; I++) {
    useDensely(Checks, MiB);
    useAndRelease(Checks, 3 * MiB);
  }
}

void liveTrimmed(PathChecks *Checks) {
  void *Ptrs[] = {get(Checks, 300 * KiB), get(Checks, 5 * MiB),
                  get(Checks, MiB, Way::Calloc), get(Checks, 60 * KiB)};
  for (void *Ptr : Ptrs)
    release(Checks, Ptr);
  malloc_trim(0);
  mallopt(M_PURGE_ALL, 0);
}

// --- realloc -----------------------------------------------------------------

void liveGrown(PathChecks *Checks) {
  Resized B = {get(Checks, MiB), MiB};
  for (size_t Size : {2 * MiB, 2 * MiB + 100, 6 * MiB, 7 * MiB})
    B = resize(Checks, B, Size);
  release(Checks, B.Ptr);
  B = {get(Checks, MiB, Way::Calloc), MiB};
  B = resize(Checks, B, 3 * MiB);
  release(Checks, B.Ptr);
  B = {get(Checks, 1000), 1000};
  B = resize(Checks, B, 300 * KiB);
  release(Checks, B.Ptr);
}

void liveGrownDensely(PathChecks *Checks) {
  Resized B = {get(Checks, 2 * MiB), 2 * MiB};
  for (size_t Size : {5 * MiB, 12 * MiB}) {
    if (B.Ptr)
      for (size_t I = 0; I < B.Size; I += Page)
        if (I % Step)
          static_cast<char *>(B.Ptr)[I] = 1;
    B = resize(Checks, B, Size);
  }
  release(Checks, B.Ptr);
}

void liveShrunk(PathChecks *Checks) {
  Resized B = {get(Checks, 6 * MiB), 6 * MiB};
  for (size_t Size : {5 * MiB, MiB, 300 * KiB, 300 * KiB - 100, 100UL})
    B = resize(Checks, B, Size);
  release(Checks, B.Ptr);
}

// --- what happens to the process ---------------------------------------------

void prepareUsed() {
  PathChecks Unused;
  liveReused(&Unused);
}

void liveInChild(PathChecks *Checks) {
  void *Ptr = get(Checks, 2 * MiB);
  const pid_t Pid = fork();
  if (Pid == 0) {
    constexpr unsigned MaxSeconds = 60;
    alarm(MaxSeconds);
    if (Ptr)
      expectWritten(Checks, Ptr, 2 * MiB);
    release(Checks, Ptr);
    liveReused(Checks);
    _exit(Checks->Wrong ? 1 : 0);
  }
  int Status = 0;
  if (Pid == -1 || waitpid(Pid, &Status, 0) != Pid || Status != 0)
    Checks->fail("the child failed");
  release(Checks, Ptr);
}

void liveWithoutDescriptors(PathChecks *Checks) {
  for (int I = 0; I != 3; I++) {
    close_range(3, ~0U, 0);
    useAndRelease(Checks, 2 * MiB);
    useAndRelease(Checks, 5 * MiB);
  }
}

// The program's own file is on the library's numbers.
void liveWithReusedDescriptors(PathChecks *Checks) {
  for (int I = 0; I != 2; I++) {
    close_range(3, ~0U, 0);
    int Fds[80];
    for (int J = 0; J != 80; J++)
      Fds[J] = dup2(STDERR_FILENO, 944 + J);
    useAndRelease(Checks, 2 * MiB);
    useAndRelease(Checks, 2 * MiB);
    for (int Fd : Fds)
      if (lseek(Fd, 0, SEEK_CUR) == -1 && errno == EBADF)
        Checks->fail("the program's descriptor was closed");
    close_range(944, ~0U, 0);
  }
}

struct Handed {
  PathChecks *Checks;
  void *Ptr;
};
void *liveAsThread(void *Argument) {
  auto *H = static_cast<Handed *>(Argument);
  release(H->Checks, H->Ptr);
  useAndRelease(H->Checks, 100);
  H->Ptr = get(H->Checks, 3 * MiB);
  return nullptr;
}
void liveInThreads(PathChecks *Checks) {
  for (int I = 0; I != 3; I++) {
    Handed H = {Checks, get(Checks, 3 * MiB)};
    pthread_t Thread;
    if (pthread_create(&Thread, nullptr, liveAsThread, &H) != 0)
      return Checks->fail("no thread");
    pthread_join(Thread, nullptr);
    release(Checks, H.Ptr);
  }
}

// --- what the heap tells -----------------------------------------------------

FILE *Sink = nullptr;
void prepareStatistics() {
  // What statistics print is looked at by other tests.
  const int Null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  dup2(Null, STDERR_FILENO);
  Sink = fdopen(Null, "w");
  setvbuf(Sink, nullptr, _IONBF, 0);
}
void liveStatistics(PathChecks *Checks) {
  void *Ptr = get(Checks, MiB);
  malloc_stats();
  errno = 0;
  if (malloc_info(0, Sink) != 0 && errno == 0)
    Checks->fail("malloc_info() does not say why");
  if (Ptr && mallinfo2().hblkhd < MiB)
    Checks->fail("mallinfo2() is wrong");
  malloc_disable();
  malloc_iterate(0, UINTPTR_MAX, [](uintptr_t, size_t, void *) {}, nullptr);
  malloc_enable();
  release(Checks, Ptr);
}

// Synchronous and asynchronous, to and fro: in all threads.
void *awaitEnd(void *Argument) {
  char Byte;
  static_cast<void>(!read(*static_cast<int *>(Argument), &Byte, 1));
  return nullptr;
}
void liveTagChecks(PathChecks *Checks) {
  int Pipe[2];
  pthread_t Thread;
  if (pipe(Pipe) != 0 ||
      pthread_create(&Thread, nullptr, awaitEnd, &Pipe[0]) != 0)
    return Checks->fail("no thread");
  for (int Level : {M_HEAP_TAGGING_LEVEL_ASYNC, M_HEAP_TAGGING_LEVEL_SYNC}) {
    mallopt(M_BIONIC_SET_HEAP_TAGGING_LEVEL, Level);
    useAndRelease(Checks, 300 * KiB);
  }
  close(Pipe[1]);
  pthread_join(Thread, nullptr);
  close(Pipe[0]);
}

} // namespace

std::vector<FaultPath> getFaultPaths() {
  std::vector<FaultPath> Paths = {
      {"fresh", nothing, liveFresh},
      {"fresh_zeroed", nothing, liveFreshZeroed},
      {"very_large", nothing, liveVeryLarge},
      {"growing_windows", nothing, liveGrowingWindows},
      {"dense", prepareDense, liveDense},
      {"aligned", nothing, liveAligned},
      {"small", nothing, liveSmall},
      {"reused", nothing, liveReused},
      {"reused_zeroed", nothing, liveReusedZeroed},
      {"protected", nothing, liveProtected},
      {"cut", nothing, liveCut},
      {"gathered", prepareGathered, liveGathered},
      {"evicted", prepareEvicted, liveEvicted},
      {"released", prepareReleased, liveReleased},
      {"trimmed", nothing, liveTrimmed},
      {"grown", nothing, liveGrown},
      {"grown_densely", nothing, liveGrownDensely},
      {"shrunk", nothing, liveShrunk},
      {"in_child", prepareUsed, liveInChild},
      {"without_descriptors", prepareUsed, liveWithoutDescriptors},
      {"reused_descriptors", prepareUsed, liveWithReusedDescriptors},
      {"in_threads", nothing, liveInThreads},
      // Upstream's vector of blocks.
      {"statistics", prepareStatistics, liveStatistics, CallKind::Munmap},
  };
  if (refpage::areBlocksTagged())
    // Upstream's records of who allocated.
    Paths.push_back(
        {"tag_checks", nothing, liveTagChecks, CallKind::MmapAnonymous});
  return Paths;
}

} // namespace refpage_test
