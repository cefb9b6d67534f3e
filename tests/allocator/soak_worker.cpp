// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/allocator/soak_worker.h"

#include "scudo_refpage.h"
#include "tests/allocator/heap.h"

#include <algorithm>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace refpage_test {

double getSeconds() {
  timespec Time;
  clock_gettime(CLOCK_MONOTONIC, &Time);
  return static_cast<double>(Time.tv_sec) +
         static_cast<double>(Time.tv_nsec) * 1e-9;
}

void SoakState::fail(const char *Format, ...) {
  static std::atomic<int> Told{0};
  Failed = true;
  if (Told++ >= 5)
    return;
  char Text[400];
  va_list Arguments;
  va_start(Arguments, Format);
  const int Length = vsnprintf(Text, sizeof(Text) - 1, Format, Arguments);
  va_end(Arguments);
  if (Length <= 0)
    return;
  const size_t End = std::min(static_cast<size_t>(Length), sizeof(Text) - 2);
  Text[End] = '\n';
  if (::write(STDERR_FILENO, Text, End + 1) == -1)
    abort();
}

void SoakWorker::work(double Seconds) {
  const double End = getSeconds() + Seconds;
  while (getSeconds() < End && !State.Failed)
    step();
  for (SoakBlock &B : Blocks)
    drop(&B);
}

// Sizes of any magnitude. The largest are rare: one takes as long as a thousand
// others.
size_t SoakWorker::anySize(bool Large) {
  const size_t Log =
      Large ? 17 + std::min({upTo(7), upTo(7), upTo(7)}) : 3 + upTo(13);
  return ((size_t(1) << Log) + upTo(size_t(1) << Log)) / 8 * 8;
}

void SoakWorker::step() {
  State.Steps++;
  const size_t What = upTo(999);
  const size_t I = upTo(1) ? upTo(MaxLarge - 1) : MaxLarge + upTo(MaxSmall - 1);
  SoakBlock &B = Blocks[I];
  if (What >= 990)
    return makeChild();
  if (What >= 970)
    return adjust();
  if (What >= 965)
    return look();
  if (!B.Ptr)
    return make(&B, anySize(I < MaxLarge));
  if (What < 400)
    return drop(&B);
  if (What < 700)
    return resize(&B);
  if (What < 750)
    return exchange(&B);
  check(B);
}

void SoakWorker::make(SoakBlock *B, size_t Size) {
  const unsigned Scarcity = State.Scarcity;
  *B = SoakBlock();
  B->Size = Size;
  B->Key = ++Key;
  void *Ptr = nullptr;
  errno = 0;
  int Error = 0;
  switch (upTo(7)) {
  case 0:
  case 1:
  case 2:
    Ptr = calloc(1, Size);
    B->Zeros = Size;
    Error = errno;
    break;
  case 3:
    Ptr = memalign(size_t(32) << upTo(14), Size);
    Error = errno;
    break;
  case 4:
    Error = posix_memalign(&Ptr, size_t(8) << upTo(9), Size);
    break;
  default:
    Ptr = malloc(Size);
    Error = errno;
  }
  B->Ptr = static_cast<char *>(Ptr);
  if (!Ptr) {
    State.Refused++;
    if (Error != ENOMEM)
      State.fail("no block of %zu: error %d", Size, Error);
    if (Scarcity == State.Scarcity && Scarcity % 2 == 0)
      State.fail("no block of %zu, and nothing had run out", Size);
    return;
  }
  check(*B);
  write(B);
}

void SoakWorker::write(SoakBlock *B) {
  // Little, half or all.
  const size_t Shares[] = {0, B->Size / 50, B->Size / 2, B->Size};
  const size_t To = std::max(B->Written, Shares[upTo(3)] / 8 * 8);
  for (size_t I = B->Written; I != To; I += 8) {
    const uint64_t Word = B->Key ^ I;
    memcpy(B->Ptr + I, &Word, 8);
  }
  B->Written = To;
}

void SoakWorker::check(const SoakBlock &B) {
  const auto Tell = [&](const char *What, size_t At) {
    State.fail("%s at %zu of a block of %zu, of which %zu were written, then "
               "zeros to %zu: byte %02x",
               What, At, B.Size, B.Written, B.Zeros,
               static_cast<unsigned char>(B.Ptr[At]));
  };
  for (size_t I = 0; I != B.Written; I += 8) {
    uint64_t Word;
    memcpy(&Word, B.Ptr + I, 8);
    if (Word != (B.Key ^ I))
      return Tell("not what was written", I);
  }
  const size_t ZerosEnd = std::max(B.Written, B.Zeros);
  ptrdiff_t Wrong = findNotPattern(B.Ptr, B.Written, ZerosEnd, 0);
  if (Wrong != -1)
    return Tell("no zero", static_cast<size_t>(Wrong));
  if (!isFilled())
    return;
  const uint64_t Pattern = refpage::getOptions().pattern.Value;
  const size_t MixedEnd = std::max(ZerosEnd, B.Mixed);
  for (size_t I = ZerosEnd; I != MixedEnd; I++)
    if (B.Ptr[I] && static_cast<unsigned char>(B.Ptr[I]) !=
                        patternByteAt(Pattern, B.Ptr + I))
      return Tell("neither zero nor pattern", I);
  Wrong = findNotPattern(B.Ptr, MixedEnd, B.Size, Pattern);
  if (Wrong != -1)
    Tell("not the pattern", static_cast<size_t>(Wrong));
}

void SoakWorker::resize(SoakBlock *B) {
  const bool Large = B < Blocks + MaxLarge;
  // To another size, or to one close by, which mostly is in the same place.
  const size_t Size =
      upTo(2) ? anySize(Large)
              : std::max(B->Size + upTo(4096), size_t(2048)) / 8 * 8 - 2040;
  const unsigned Scarcity = State.Scarcity;
  errno = 0;
  char *New = static_cast<char *>(realloc(B->Ptr, Size));
  if (!New) {
    State.Refused++;
    if (errno != ENOMEM)
      State.fail("no block of %zu: error %d", Size, errno);
    if (Scarcity == State.Scarcity && Scarcity % 2 == 0)
      State.fail("no block of %zu, and nothing had run out", Size);
    return check(*B); // It still is as it was.
  }
  // In its place, what calloc gave grows by zeros or by the pattern.
  if (B->Zeros && Size > B->Size)
    B->Mixed = Size;
  B->Ptr = New;
  B->Size = Size;
  B->Written = std::min(B->Written, Size / 8 * 8);
  // What was cut off is either when it comes back.
  B->Zeros = std::min(B->Zeros, Size);
  B->Mixed = std::min(B->Mixed, Size);
  check(*B);
  write(B);
}

void SoakWorker::drop(SoakBlock *B) {
  if (!B->Ptr)
    return;
  check(*B);
  free(B->Ptr);
  *B = SoakBlock();
}

// Another thread will free it.
void SoakWorker::exchange(SoakBlock *B) {
  SoakBlock Other;
  {
    std::lock_guard<std::mutex> L(State.Mutex);
    std::swap(*B, State.Offered[upTo(std::size(State.Offered) - 1)]);
    std::swap(Other, *B);
  }
  drop(&Other);
}

void SoakWorker::adjust() {
  switch (upTo(5)) {
  case 0:
    malloc_trim(0);
    break;
  case 1:
    mallopt(M_DECAY_TIME, static_cast<int>(upTo(2)) - 1);
    break;
  case 2:
    mallopt(M_PURGE, 0);
    break;
  case 3:
    mallopt(M_PURGE_ALL, 0);
    break;
  case 4:
    mallopt(M_CACHE_COUNT_MAX, static_cast<int>(upTo(64)));
    break;
  default:
    mallopt(M_CACHE_SIZE_MAX, static_cast<int>(upTo(256 * MiB)));
    break;
  }
}

void SoakWorker::look() {
  // Of threads that go on meanwhile: what is live is counted by itself.
  if (mallinfo2().uordblks > (size_t(1) << 40))
    State.fail("mallinfo2() does not add up");
  size_t Bytes = 0;
  malloc_disable();
  malloc_iterate(
      0, UINTPTR_MAX,
      [](uintptr_t, size_t Size, void *Sum) {
        *static_cast<size_t *>(Sum) += Size;
      },
      &Bytes);
  malloc_enable();
  size_t Ours = 0;
  for (const SoakBlock &B : Blocks)
    Ours += B.Ptr ? B.Size : 0;
  if (Bytes < Ours)
    State.fail("malloc_iterate() has %zu bytes, this thread alone %zu", Bytes,
               Ours);
}

// The child sees its own copy of everything, and can go on.
void SoakWorker::makeChild() {
  const unsigned Scarcity = State.Scarcity;
  const pid_t Pid = fork();
  if (Pid == 0)
    liveAsChild();
  if (Pid == -1) {
    if (Scarcity == State.Scarcity && Scarcity % 2 == 0)
      State.fail("fork: error %d", errno);
    return;
  }
  State.Children++;
  int Status = 0;
  if (waitpid(Pid, &Status, 0) != Pid || Status != 0)
    State.fail("a child ended with status 0x%x (a signal 14 is a hang)",
               static_cast<unsigned>(Status));
}

void SoakWorker::liveAsChild() {
  constexpr unsigned MaxSeconds = 60;
  alarm(MaxSeconds);
  for (SoakBlock &B : Blocks)
    drop(&B);
  for (int I = 0; I != 5; I++) {
    SoakBlock &B = Blocks[I % 2 ? MaxLarge : 0];
    make(&B, anySize(I % 2 == 0));
    if (B.Ptr)
      resize(&B);
    drop(&B);
  }
  _exit(State.Failed ? 1 : 0);
}

} // namespace refpage_test
