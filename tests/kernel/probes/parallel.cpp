// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Several processes and threads at a time.

#include "tests/kernel/block.h"
#include "tests/kernel/rows.h"

#include <algorithm>
#include <atomic>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace refpage_test {
namespace {

// Memory that children share with the probe.
template <typename T> T *makeShared() {
  void *Memory =
      mmap(nullptr, sizeof(T), ReadWrite, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (Memory == MAP_FAILED)
    giveUp("mmap");
  return new (Memory) T();
}

double now() {
  timespec Time;
  clock_gettime(CLOCK_MONOTONIC, &Time);
  return static_cast<double>(Time.tv_sec) +
         1e-9 * static_cast<double>(Time.tv_nsec);
}

} // namespace

Answer processesFault(const Source &From) {
  constexpr int NumProcesses = 8;
  Block B(From, 512);
  std::atomic<int> *Arrived = makeShared<std::atomic<int>>();
  pid_t Children[NumProcesses];
  for (int I = 0; I != NumProcesses; I++) {
    Children[I] = fork();
    if (Children[I] == -1)
      giveUp("fork");
    if (Children[I] == 0) {
      const uint8_t *Own = From.map(B.fd(), B.bytes(), PROT_READ);
      ++*Arrived;
      while (*Arrived != NumProcesses)
        sched_yield();
      bool IsRight = B.holds();
      for (size_t J = 0; Own && J != B.pages(); J++)
        IsRight &=
            memcmp(Own + J * pageSize(), contentsOf(From), pageSize()) == 0;
      _exit(IsRight && Own ? 0 : 1);
    }
  }
  std::string Wrong;
  for (pid_t Child : Children) {
    int Status = 0;
    waitpid(Child, &Status, 0);
    if (!WIFEXITED(Status) || WEXITSTATUS(Status) != 0)
      Wrong = "a process saw something else";
  }
  return yesIf(Wrong.empty(), Wrong);
}

Answer threadsFault(const Source &From) {
  constexpr size_t NumThreads = 8;
  for (int Round = 0; Round != 5; Round++) {
    Block B(From, 256);
    std::atomic<size_t> Arrived{0};
    std::atomic<bool> IsRight{true};
    std::vector<std::thread> Threads;
    for (size_t T = 0; T != NumThreads; T++)
      Threads.emplace_back([&, T] {
        Arrived++;
        while (Arrived != NumThreads)
          sched_yield();
        const size_t Offset = 128 * T;
        for (size_t I = 0; I != B.pages(); I++) {
          // Two of them go the other way.
          uint8_t *Page = B.page(T < 2 ? B.pages() - 1 - I : I);
          if (T % 2 && Page[2048 + T] != contentsOf(From)[2048 + T])
            IsRight = false;
          Page[Offset] = otherThan(contentsOf(From)[Offset]);
          if (Page[Offset] != otherThan(contentsOf(From)[Offset]))
            IsRight = false;
        }
      });
    for (std::thread &T : Threads)
      T.join();
    if (!IsRight)
      return no("a thread saw something else");
    for (size_t I = 0; I != B.pages(); I++)
      for (size_t J = 0; J != pageSize(); J++) {
        const bool IsWritten = J % 128 == 0 && J < 128 * NumThreads;
        const uint8_t Byte = contentsOf(From)[J];
        if (B.page(I)[J] != (IsWritten ? otherThan(Byte) : Byte))
          return no(IsWritten ? "a store is lost" : "other bytes");
      }
    munmap(B.base(), B.bytes());
    close(B.fd());
  }
  return yes();
}

Answer closingDuringFaults(const Source &From) {
  for (int Round = 0; Round != 100; Round++) {
    Block B(From, 64);
    std::atomic<bool> IsRight{true};
    std::thread Other([&] {
      Block Same = B;
      IsRight = Same.holds();
    });
    if (B.fd() != -1) {
      close(B.fd());
      // The number becomes that of a file with other contents.
      const uint64_t Content = 0x5151515151515151;
      const int Fd = From.create(&Content, sizeof(Content));
      uint8_t *Page = Fd < 0 ? nullptr : From.map(Fd, pageSize(), ReadWrite);
      if (!Page || Page[3] != 0x51)
        IsRight = false;
      close(Fd);
      munmap(Page, pageSize());
    }
    Other.join();
    if (!IsRight)
      return no("other bytes");
    munmap(B.base(), B.bytes());
  }
  return yes();
}

Answer unmappingDuringFaults(const Source &From) {
  const Block B(From, 64);
  std::atomic<bool> IsOver{false}, IsRight{true};
  std::vector<std::thread> Threads;
  for (int T = 0; T != 3; T++)
    Threads.emplace_back([&, T] {
      for (size_t I = 0; !IsOver; I++) {
        uint8_t *At = B.page(I % B.pages()) + 5;
        const uint8_t Byte = contentsOf(From)[5];
        uint8_t Value = Byte;
        const int Signal =
            T == 0 ? tryWrite(At, otherThan(Byte)) : tryRead(At, &Value);
        if ((Signal != 0 && Signal != SIGSEGV) ||
            (Value != Byte && Value != otherThan(Byte)))
          IsRight = false;
      }
    });
  for (int Round = 0; Round != 300; Round++) {
    madvise(B.base(), B.bytes(), MADV_DONTNEED);
    munmap(B.page(16), 32 * pageSize());
    mprotect(B.base(), 8 * pageSize(), PROT_READ);
    mprotect(B.base(), 8 * pageSize(), ReadWrite);
    // Where a thread's stack would be put else.
    const int Flags = MAP_PRIVATE | MAP_FIXED |
                      (From.way() == Way::Anonymous ? MAP_ANONYMOUS : 0);
    if (mmap(B.page(16), 32 * pageSize(), ReadWrite, Flags, B.fd(), 0) ==
        MAP_FAILED)
      giveUp("mmap");
  }
  IsOver = true;
  for (std::thread &T : Threads)
    T.join();
  return yesIf(IsRight, "other bytes, or another signal");
}

namespace {

// Faults a second of so many processes together.
double measureFaults(const Source &From, int Processes, bool Writes) {
  constexpr double Seconds = 0.5;
  struct Shared {
    std::atomic<int> Arrived{0};
    std::atomic<uint64_t> Faults{0};
  };
  Shared *All = makeShared<Shared>();
  const Block B(From, 1024);
  madvise(B.base(), B.bytes(), MADV_NOHUGEPAGE);
  std::vector<pid_t> Children;
  for (int I = 0; I != Processes; I++) {
    const pid_t Child = fork();
    if (Child == -1)
      giveUp("fork");
    if (Child == 0) {
      ++All->Arrived;
      while (All->Arrived != Processes)
        sched_yield();
      uint64_t Faults = 0;
      for (const double End = now() + Seconds; now() < End;) {
        for (size_t J = 0; J != B.pages(); J++) {
          volatile uint8_t *Page = B.page(J);
          if (Writes)
            *Page = 1;
          else
            static_cast<void>(*Page);
        }
        Faults += B.pages();
        madvise(B.base(), B.bytes(), MADV_DONTNEED);
      }
      All->Faults += Faults;
      _exit(0);
    }
    Children.push_back(Child);
  }
  for (pid_t Child : Children)
    waitpid(Child, nullptr, 0);
  return static_cast<double>(All->Faults) / Seconds;
}

Answer measureScaling(const Source &From, bool Writes) {
  cpu_set_t Processors;
  if (sched_getaffinity(0, sizeof(Processors), &Processors) != 0 ||
      CPU_COUNT(&Processors) < 2)
    return unknown("one processor");
  const double One = measureFaults(From, 1, Writes);
  const double Two = measureFaults(From, 2, Writes);
  char Ratio[32], Detail[100];
  snprintf(Ratio, sizeof(Ratio), "%.2f", Two / One);
  snprintf(Detail, sizeof(Detail), "%.0f thousand and %.0f thousand",
           One / 1000, Two / 1000);
  return {Ratio, Detail};
}

} // namespace

Answer scalingOfReads(const Source &From) {
  return measureScaling(From, false);
}
Answer scalingOfWrites(const Source &From) {
  return measureScaling(From, true);
}

} // namespace refpage_test
