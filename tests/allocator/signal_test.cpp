// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 5: signals in the middle of malloc() and free(), whatever their
// handlers do that POSIX allows there; and handlers that leave code of the
// program's while other threads are in the heap.

#include "tests/allocator/heap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"

#include <atomic>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <thread>
#include <time.h>
#include <ucontext.h>
#include <vector>

using namespace refpage_test;

namespace {

constexpr unsigned MaxSeconds = 120;

volatile int Signals;
volatile int FailedChildren;
// Of a handler, which returned into what was interrupted.
volatile bool IsForkedChild;

// Makes the processor trap after each instruction, or no more: then the kernel
// sends SIGTRAP. Only on x86; a handler itself is not stepped.
volatile bool IsStepping;
void setStepping(bool IsOn) {
#if defined(__x86_64__)
  constexpr unsigned long TrapFlag = 0x100;
  if (IsOn)
    __asm__ volatile("pushfq; orq %0, (%%rsp); popfq" ::"r"(TrapFlag)
                     : "memory", "cc");
  else
    __asm__ volatile("pushfq; andq %0, (%%rsp); popfq" ::"r"(~TrapFlag)
                     : "memory", "cc");
#else
  static_cast<void>(IsOn);
#endif
}

template <typename F> void *inHeap(F Call) {
  if (!IsStepping || IsForkedChild)
    return Call();
  setStepping(true);
  void *Result = Call();
  setStepping(false);
  return Result;
}

constexpr size_t Sparse = 60 * KiB;

// Each way of a block of that size; false if a byte is wrong, or there is none.
bool useHeap(size_t Size) {
  const uint64_t Pattern = refpage::getOptions().pattern.Value;
  const auto Fill = [](size_t I) { return static_cast<char>(I * 37 + 1); };
  bool Good = true;
  auto *Ptr = static_cast<char *>(inHeap([&] { return malloc(Size); }));
  Good &= Ptr && (!isFilled() || findNotPattern(Ptr, 0, Size, Pattern) == -1);
  for (size_t I = 0; Good && I < Size; I += Sparse)
    Ptr[I] = Fill(I);
  Ptr = static_cast<char *>(inHeap([&] { return realloc(Ptr, 2 * Size); }));
  Good &= Ptr != nullptr;
  for (size_t I = 0; Good && I < Size; I += Sparse)
    Good = Ptr[I] == Fill(I);
  Good &= !isFilled() || findNotPattern(Ptr, Size, 2 * Size, Pattern) == -1;
  inHeap([&]() -> void * { return free(Ptr), nullptr; });
  Ptr = static_cast<char *>(inHeap([&] { return calloc(1, Size); }));
  Good &= Ptr && findNotPattern(Ptr, 0, Size, 0) == -1;
  inHeap([&]() -> void * { return free(Ptr), nullptr; });
  return Good;
}

bool useHeap() {
  bool Good = true;
  for (size_t Size : {size_t(100), 300 * KiB, MiB})
    Good &= useHeap(Size);
  malloc_trim(0); // Not stepped: it looks at all of the small blocks.
  return Good;
}

bool useHeapTwice() {
  const bool Good = useHeap();
  return useHeap() && Good;
}

// What handlers do.

void changeErrno() {
  constexpr int Values[] = {EINTR, EAGAIN, ENOMEM, EINVAL, 0};
  errno = Values[Signals % 5];
}

void expectChildEndsWell(pid_t Pid) {
  int Status = -1;
  if (waitpid(Pid, &Status, 0) != Pid || Status != 0)
    FailedChildren = FailedChildren + 1;
}

template <pid_t (*Fork)()> void forkAndExit() {
  const pid_t Pid = Fork();
  if (Pid == 0)
    _exit(0);
  expectChildEndsWell(Pid);
}

// The child returns to where the signal came, and ends when it has used the
// heap from there on.
void forkAndGoOn() {
  const pid_t Pid = fork();
  if (Pid == 0) {
    IsForkedChild = true;
    alarm(20);
    return;
  }
  expectChildEndsWell(Pid);
}

void endForkedChild(bool Good) {
  if (IsForkedChild)
    _exit(Good ? 0 : 1);
}

void setHandler(int Signal, void (*Handler)(int, siginfo_t *, void *),
                int Flags) {
  struct sigaction Action = {};
  Action.sa_sigaction = Handler;
  Action.sa_flags = Flags | SA_SIGINFO;
  ASSERT_EQ(sigaction(Signal, &Action, nullptr), 0);
}

// At each so many-th instruction of all that the heap executes.
class SteppedSignalTest : public testing::Test {
protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "programs do not step themselves on this processor";
#endif
  }

  // Runs Body in a child, with React() at each Stride-th instruction of its
  // heap.
  template <void (*React)(), typename F>
  static void interrupt(int Stride, F Body) {
    runInChild(MaxSeconds, [&] {
      static int Every;
      Every = Stride;
      setHandler(
          SIGTRAP,
          [](int, siginfo_t *, void *Context) {
            static int Steps;
            finishFill(Context);
            if (++Steps % Every != 0)
              return;
            React();
            if (IsForkedChild)
              stopSteppingAfter(Context);
            Signals = Signals + 1;
          },
          0);
      IsStepping = true;
      const bool Good = Body();
      endForkedChild(Good);
      EXPECT_TRUE(Good);
      EXPECT_EQ(FailedChildren, 0) << "of " << Signals;
      EXPECT_GT(Signals, 20);
    });
  }

private:
#if defined(__x86_64__)
  static greg_t *getRegisters(void *Context) {
    return static_cast<ucontext_t *>(Context)->uc_mcontext.gregs;
  }
  // `rep stosb`, by which memset() fills much, would trap at each byte.
  static void finishFill(void *Context) {
    greg_t *Registers = getRegisters(Context);
    const auto *Code = reinterpret_cast<unsigned char *>(Registers[REG_RIP]);
    if (Code[0] != 0xf3 || Code[1] != 0xaa)
      return;
    const greg_t Size = Registers[REG_RCX];
    memset(reinterpret_cast<void *>(Registers[REG_RDI]),
           static_cast<int>(Registers[REG_RAX]), static_cast<size_t>(Size));
    Registers[REG_RDI] += Size;
    Registers[REG_RCX] = 0;
    Registers[REG_RIP] += 2;
  }
  static void stopSteppingAfter(void *Context) {
    constexpr greg_t TrapFlag = 0x100;
    getRegisters(Context)[REG_EFL] &= ~TrapFlag;
  }
#else
  static void finishFill(void *) {}
  static void stopSteppingAfter(void *) {}
#endif
};

TEST_F(SteppedSignalTest, HandlersMayChangeErrno) {
  interrupt<changeErrno>(3, useHeapTwice);
}

TEST_F(SteppedSignalTest, ForkedChildrenMayEnd) {
  interrupt<forkAndExit<fork>>(809, useHeapTwice);
}

TEST_F(SteppedSignalTest, ForkedChildrenMayGoOn) {
  interrupt<forkAndGoOn>(1601, useHeapTwice);
}

// fork() runs handlers of the program's and the library's, _Fork() none.
TEST_F(SteppedSignalTest, WithThreadsChildrenOfUnderscoreForkMayEnd) {
  interrupt<forkAndExit<_Fork>>(1601, [] {
    std::atomic<bool> Stop{false};
    std::vector<std::thread> Threads;
    for (int T = 0; T != 2; T++)
      Threads.emplace_back([&] {
        while (!Stop)
          for (size_t Size : {size_t(100), 300 * KiB})
            free(malloc(Size));
      });
    const bool Good = useHeapTwice();
    Stop = true;
    for (std::thread &T : Threads)
      T.join();
    return Good;
  });
}

// At random moments.
class TimedSignalTest : public testing::Test {
protected:
  static constexpr int Rounds = 40;

  template <void (*React)()> static void interrupt(int Flags) {
    runInChild(MaxSeconds, [&] {
      setHandler(
          SIGUSR1,
          [](int, siginfo_t *, void *) { React(), Signals = Signals + 1; },
          Flags);
      sigevent Event = {};
      Event.sigev_notify = SIGEV_SIGNAL;
      Event.sigev_signo = SIGUSR1;
      timer_t Timer;
      ASSERT_EQ(timer_create(CLOCK_MONOTONIC, &Event, &Timer), 0);
      unsigned Seed = 1;
      bool Good = true;
      for (int I = 0; Good && I != fewerIfEmulated(Rounds); I++) {
        itimerspec Once = {};
        Once.it_value.tv_nsec = 1 + rand_r(&Seed) % 500000;
        timer_settime(Timer, 0, &Once, nullptr);
        Good = useHeap();
        endForkedChild(Good);
      }
      timer_delete(Timer);
      EXPECT_TRUE(Good);
      EXPECT_EQ(FailedChildren, 0) << "of " << Signals;
      EXPECT_GT(Signals, 0);
    });
  }
};

TEST_F(TimedSignalTest, CallsMayBeInterrupted) { interrupt<changeErrno>(0); }

TEST_F(TimedSignalTest, CallsMayBeRestarted) {
  interrupt<changeErrno>(SA_RESTART);
}

TEST_F(TimedSignalTest, ForkedChildrenMayEnd) {
  interrupt<forkAndExit<fork>>(0);
}

TEST_F(TimedSignalTest, ForkedChildrenMayGoOn) { interrupt<forkAndGoOn>(0); }

// Handlers that interrupt the program's own code, not the heap's: other threads
// are in the heap.
class HandlerTest : public testing::Test {
protected:
  template <typename F> static void whileOthersAllocate(F Body) {
    runInChild(MaxSeconds, [&] {
      std::atomic<bool> Stop{false};
      std::vector<std::thread> Threads;
      for (int T = 0; T != 3; T++)
        Threads.emplace_back([&] {
          while (!Stop)
            for (size_t Size : {size_t(100), 300 * KiB, 3 * MiB}) {
              auto *Ptr = static_cast<volatile char *>(malloc(Size));
              Ptr[Size / 2] = 1;
              free(const_cast<char *>(Ptr));
            }
        });
      Body();
      Stop = true;
      for (std::thread &T : Threads)
        T.join();
    });
  }

  static void expectHeapWorks() {
    for (size_t Size : {size_t(100), 300 * KiB, 3 * MiB}) {
      void *Ptr = malloc(Size);
      ASSERT_NE(Ptr, nullptr);
      expectPattern(Ptr, 0, Size);
      memset(Ptr, 1, Size);
      free(Ptr);
    }
  }

  static sigjmp_buf Back;
};
sigjmp_buf HandlerTest::Back;

TEST_F(HandlerTest, MayLeaveThePlaceOfTheSignal) {
  whileOthersAllocate([] {
    setHandler(
        SIGUSR1, [](int, siginfo_t *, void *) { siglongjmp(Back, 1); }, 0);
    const pthread_t Us = pthread_self();
    for (int I = 0; I != fewerIfEmulated(30); I++) {
      std::atomic<bool> IsReady{false};
      std::thread Sender([&] {
        while (!IsReady)
          ;
        pthread_kill(Us, SIGUSR1);
      });
      if (sigsetjmp(Back, /*SaveMask=*/1) == 0) {
        IsReady = true;
        for (;;)
          pause();
      }
      Sender.join();
      expectHeapWorks();
    }
  });
}

TEST_F(HandlerTest, MayForkAndTheChildMayAllocate) {
  whileOthersAllocate([] {
    static bool ChildFailed;
    setHandler(
        SIGUSR1,
        [](int, siginfo_t *, void *) {
          const pid_t Pid = fork();
          if (Pid == 0) {
            alarm(20);
            expectHeapWorks();
            _exit(HasFailure() ? 1 : 0);
          }
          int Status = -1;
          ChildFailed |= waitpid(Pid, &Status, 0) != Pid || Status != 0;
        },
        0);
    for (int I = 0; I != fewerIfEmulated(20); I++) {
      raise(SIGUSR1);
      expectHeapWorks();
    }
    EXPECT_FALSE(ChildFailed);
  });
}

// On a stack that holds the handler's frame and hardly more. The first byte
// beyond a block's end is in its guard page; that of a kept block above 2 MiB
// is inaccessible.
TEST_F(HandlerTest, OfFaultsMayHaveASmallStack) {
  runInChild(MaxSeconds, [] {
    const size_t Size = static_cast<size_t>(sysconf(_SC_MINSIGSTKSZ)) + 512;
    std::vector<char> Stack(Size);
    stack_t Alternative = {};
    Alternative.ss_sp = Stack.data();
    Alternative.ss_size = Size;
    ASSERT_EQ(sigaltstack(&Alternative, nullptr), 0);
    setHandler(
        SIGSEGV, [](int, siginfo_t *, void *) { siglongjmp(Back, 1); },
        SA_ONSTACK);
    volatile int Faults = 0;
    for (volatile int I = 0; I != 20; I = I + 1) {
      auto *volatile Ptr = static_cast<volatile char *>(malloc(3 * MiB));
      ASSERT_NE(Ptr, nullptr);
      if (sigsetjmp(Back, /*SaveMask=*/1) == 0)
        Ptr[3 * MiB] = 1;
      else
        Faults = Faults + 1;
      free(const_cast<char *>(Ptr));
      if (sigsetjmp(Back, /*SaveMask=*/1) == 0)
        Ptr[MiB] = 1;
      else
        Faults = Faults + 1;
      expectHeapWorks();
    }
    EXPECT_EQ(Faults, 40);
  });
}

// Scudo's cache of small blocks is in each thread's local storage, which comes
// off its stack: 12 KB more than the least that a thread can have, and what the
// C library rounds up. Of what remains the heap needs little.
TEST(SmallStackTest, ThreadsWithSmallStacksUseTheHeap) {
  runInChild(MaxSeconds, [] {
    pthread_attr_t Attributes;
    pthread_attr_init(&Attributes);
    const size_t Least = static_cast<size_t>(PTHREAD_STACK_MIN) + 24 * KiB;
    ASSERT_EQ(pthread_attr_setstacksize(&Attributes, Least), 0);
    for (int I = 0; I != 3; I++) {
      pthread_t Thread;
      static bool Good;
      Good = false;
      ASSERT_EQ(pthread_create(
                    &Thread, &Attributes,
                    [](void *) -> void * {
                      Good = useHeap();
                      return nullptr;
                    },
                    nullptr),
                0);
      pthread_join(Thread, nullptr);
      EXPECT_TRUE(Good);
    }
  });
}

// Threads that end at a cancellation point of their own, wherever they were
// when they were cancelled, leave a heap that works.
TEST(CancellationTest, ThreadsAreCancelledAtAnyTime) {
  runInChild(MaxSeconds, [] {
    unsigned Seed = 1;
    for (int I = 0; I != fewerIfEmulated(50); I++) {
      std::atomic<bool> HasStarted{false};
      pthread_t Thread;
      ASSERT_EQ(pthread_create(
                    &Thread, nullptr,
                    [](void *Started) -> void * {
                      *static_cast<std::atomic<bool> *>(Started) = true;
                      for (;;) {
                        for (size_t Size : {size_t(100), 300 * KiB, 3 * MiB}) {
                          void *Ptr = malloc(Size);
                          memset(Ptr, 1, Size / 2);
                          free(Ptr);
                        }
                        pthread_testcancel();
                      }
                    },
                    &HasStarted),
                0);
      while (!HasStarted)
        ;
      usleep(static_cast<useconds_t>(rand_r(&Seed)) % 1000);
      pthread_cancel(Thread);
      void *Result;
      pthread_join(Thread, &Result);
      ASSERT_EQ(Result, PTHREAD_CANCELED);
      void *Ptr = malloc(3 * MiB);
      expectPattern(Ptr, 0, 3 * MiB);
      free(Ptr);
    }
  });
}

} // namespace
