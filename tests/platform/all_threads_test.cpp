// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/all_threads.h"

#include "platform/thread_list.h"

#include "tests/support/child.h"
#include "tests/support/emulator.h"
#include "tests/support/memory.h"

#include <gtest/gtest.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace refpage {
namespace {

using refpage_test::runInChild;

s32 threadId() { return static_cast<s32>(syscall(SYS_gettid)); }

// How often the function was run in this thread.
thread_local std::atomic<int> Runs{0};
std::atomic<int> TotalRuns{0};
std::atomic<s32> FailingThread{0};

int countRun(uptr Argument, bool *) {
  EXPECT_EQ(Argument, 4711U);
  if (threadId() == FailingThread)
    return EDOM;
  Runs++;
  TotalRuns++;
  return 0;
}

// A timer slack is inherited from the creator, as the mode of tag checks is.
int setTimerSlack(uptr Slack, bool *HadToAct) {
  *HadToAct = prctl(PR_GET_TIMERSLACK) != static_cast<int>(Slack);
  return prctl(PR_SET_TIMERSLACK, Slack) == -1 ? errno : 0;
}

// A thread that runs Body(Thread) and then waits until the test has ended.
class Thread {
public:
  template <typename F> explicit Thread(F Body) {
    Impl = std::thread([this, Body] {
      Id = threadId();
      Body(*this);
      while (!MayEnd)
        usleep(2000);
      Seen = Runs;
    });
    while (!Id)
      sched_yield();
  }
  Thread() : Thread([](Thread &) {}) {}
  ~Thread() { end(); }
  void end() {
    MayEnd = true;
    if (Impl.joinable())
      Impl.join();
  }
  int runs() {
    end();
    return Seen;
  }

  std::atomic<s32> Id{0};
  std::atomic<bool> IsReady{false};
  std::atomic<bool> MayEnd{false};

private:
  std::thread Impl;
  int Seen = 0;
};

void waitFor(const std::atomic<bool> &Flag) {
  while (!Flag)
    usleep(100);
}

void blockAllSignals(sigset_t *Before = nullptr) {
  sigset_t All;
  sigfillset(&All);
  pthread_sigmask(SIG_SETMASK, &All, Before);
}

// The signals of which the process has changed the action.
std::vector<int> listHandledSignals() {
  std::vector<int> Handled;
  for (int Signal = SIGRTMIN; Signal <= SIGRTMAX; Signal++) {
    struct sigaction Action;
    if (sigaction(Signal, nullptr, &Action) == 0 &&
        (Action.sa_flags & SA_SIGINFO || Action.sa_handler != SIG_DFL))
      Handled.push_back(Signal);
  }
  return Handled;
}

u32 countThreads() {
  char Buffer[4096];
  ThreadList List(Buffer, sizeof(Buffer));
  EXPECT_EQ(List.open(), 0);
  u32 Count = 0;
  s32 Thread;
  while (List.next(&Thread) == 0 && Thread)
    Count++;
  EXPECT_TRUE(List.hasAll());
  return Count;
}

class AllThreadsTest : public testing::Test {
protected:
  void SetUp() override {
    if (refpage_test::getEmulator())
      GTEST_SKIP() << "the emulator has threads of its own in the process, "
                      "which take no signals";
    // A thread that was joined may be listed for a moment still.
    for (int I = 0; I != 1000 && countThreads() != 1; I++)
      usleep(1000);
    ASSERT_EQ(countThreads(), 1U);
    Runs = 0;
    TotalRuns = 0;
    FailingThread = 0;
    Descriptors = refpage_test::listDescriptors();
    Handled = listHandledSignals();
  }
  void TearDown() override {
    if (IsSkipped())
      return;
    EXPECT_EQ(refpage_test::listDescriptors(), Descriptors);
    EXPECT_EQ(listHandledSignals(), Handled);
  }

  static void expectReached(const AllThreadsResult &Result, u32 Count) {
    EXPECT_EQ(Result.Error, 0) << strerror(Result.Error);
    EXPECT_EQ(Result.Thread, 0);
    EXPECT_EQ(Result.Reached, Count);
  }

private:
  std::vector<int> Descriptors;
  std::vector<int> Handled;
};

TEST_F(AllThreadsTest, TheOnlyThread) {
  errno = 17;
  expectReached(runOnAllThreads(countRun, 4711), 1);
  EXPECT_EQ(errno, 17);
  EXPECT_EQ(Runs, 1);
}

TEST_F(AllThreadsTest, EachThreadOnce) {
  std::vector<std::unique_ptr<Thread>> Threads;
  for (int I = 0; I != 30; I++)
    Threads.push_back(std::make_unique<Thread>());
  for (int Round = 1; Round != 6; Round++) {
    errno = 17;
    expectReached(runOnAllThreads(countRun, 4711), 31);
    EXPECT_EQ(errno, 17);
    EXPECT_EQ(TotalRuns, Round * 31);
    EXPECT_EQ(Runs, Round);
  }
  for (auto &T : Threads)
    EXPECT_EQ(T->runs(), 5);
}

TEST_F(AllThreadsTest, BusyThreads) {
  std::atomic<bool> MayEnd{false};
  const auto Spin = [&](Thread &) {
    while (!MayEnd) {
    }
  };
  Thread A(Spin), B(Spin), C(Spin);
  expectReached(runOnAllThreads(countRun, 4711), 4);
  MayEnd = true;
}

TEST_F(AllThreadsTest, ThreadsInSystemCalls) {
  int Pipe[2];
  ASSERT_EQ(pipe(Pipe), 0);
  ssize_t Got = -1;
  {
    Thread Reader([&](Thread &T) {
      T.IsReady = true;
      char Byte;
      Got = read(Pipe[0], &Byte, 1);
    });
    waitFor(Reader.IsReady);
    expectReached(runOnAllThreads(countRun, 4711), 2);
    ASSERT_EQ(write(Pipe[1], "x", 1), 1);
    EXPECT_EQ(Reader.runs(), 1);
  }
  EXPECT_EQ(Got, 1); // Not EINTR.
  close(Pipe[0]);
  close(Pipe[1]);
}

TEST_F(AllThreadsTest, TheCallerMayBlockSignals) {
  Thread Other;
  sigset_t Before;
  blockAllSignals(&Before);
  expectReached(runOnAllThreads(countRun, 4711), 2);
  pthread_sigmask(SIG_SETMASK, &Before, nullptr);
  EXPECT_EQ(Other.runs(), 1);
}

TEST_F(AllThreadsTest, AThreadThatBlocksSignalsForAWhile) {
  Thread Other([](Thread &T) {
    sigset_t Before;
    blockAllSignals(&Before);
    T.IsReady = true;
    usleep(300 * 1000);
    pthread_sigmask(SIG_SETMASK, &Before, nullptr);
  });
  waitFor(Other.IsReady);
  expectReached(runOnAllThreads(countRun, 4711), 2);
  EXPECT_EQ(Other.runs(), 1);
}

TEST_F(AllThreadsTest, AThreadThatBlocksSignalsIsNamedAndLeftAlone) {
  std::atomic<bool> MayUnblock{false};
  std::atomic<bool> WasSent{false};
  Thread First;
  Thread Other([&](Thread &T) {
    sigset_t Before;
    blockAllSignals(&Before);
    T.IsReady = true;
    while (!MayUnblock) {
      // What a program with a signalfd() would read.
      sigset_t Pending;
      sigpending(&Pending);
      for (int Signal = SIGRTMIN; Signal <= SIGRTMAX; Signal++)
        if (sigismember(&Pending, Signal) == 1)
          WasSent = true;
    }
    pthread_sigmask(SIG_SETMASK, &Before, nullptr);
  });
  waitFor(Other.IsReady);
  const AllThreadsResult Result = runOnAllThreads(countRun, 4711, 100);
  EXPECT_EQ(Result.Error, ETIMEDOUT);
  EXPECT_EQ(Result.Thread, Other.Id);
  EXPECT_EQ(Result.Reached, 2U);
  MayUnblock = true;
  EXPECT_EQ(Other.runs(), 0);
  EXPECT_FALSE(WasSent);
  EXPECT_EQ(First.runs(), 1);
}

TEST_F(AllThreadsTest, SigwaitTakesNothing) {
  int Taken = 0;
  Thread Other([&](Thread &T) {
    sigset_t All, Before;
    blockAllSignals(&Before);
    sigfillset(&All);
    T.IsReady = true;
    sigwait(&All, &Taken);
    pthread_sigmask(SIG_SETMASK, &Before, nullptr);
  });
  waitFor(Other.IsReady);
  const AllThreadsResult Result = runOnAllThreads(countRun, 4711, 200);
  EXPECT_EQ(Result.Error, ETIMEDOUT);
  EXPECT_EQ(Result.Thread, Other.Id);
  syscall(SYS_tgkill, getpid(), Other.Id.load(), SIGUSR1);
  EXPECT_EQ(Other.runs(), 0);
  EXPECT_EQ(Taken, SIGUSR1);
}

TEST_F(AllThreadsTest, TheFunctionsErrorsAreNamed) {
  Thread A, B;
  FailingThread = B.Id.load();
  AllThreadsResult Result = runOnAllThreads(countRun, 4711);
  EXPECT_EQ(Result.Error, EDOM);
  EXPECT_EQ(Result.Thread, B.Id);
  FailingThread = threadId();
  TotalRuns = 0;
  Result = runOnAllThreads(countRun, 4711);
  EXPECT_EQ(Result.Error, EDOM);
  EXPECT_EQ(Result.Thread, threadId());
  EXPECT_EQ(Result.Reached, 0U);
  EXPECT_EQ(TotalRuns, 0);
}

TEST_F(AllThreadsTest, SignalsInUseAreNotTaken) {
  runInChild(60, [] {
    // All but one in the middle, which nobody uses.
    const int Free = (SIGRTMIN + SIGRTMAX) / 2;
    for (int Signal = SIGRTMIN; Signal <= SIGRTMAX; Signal++)
      if (Signal != Free)
        signal(Signal, [](int) { _exit(3); });
    Thread Other;
    expectReached(runOnAllThreads(countRun, 4711), 2);
    signal(Free, [](int) { _exit(3); });
    const AllThreadsResult Result = runOnAllThreads(countRun, 4711);
    EXPECT_EQ(Result.Error, EAGAIN);
    EXPECT_EQ(Result.Thread, 0);
    EXPECT_EQ(Other.runs(), 1);
  });
}

// A signal that a program waits for by signalfd() is blocked, and has no
// handler.
TEST_F(AllThreadsTest, ASignalThatIsBlockedSomewhereIsAvoided) {
  const auto BlockTop = [](int How) {
    sigset_t Top;
    sigemptyset(&Top);
    sigaddset(&Top, SIGRTMAX);
    pthread_sigmask(How, &Top, nullptr);
  };
  Thread Other([&](Thread &T) {
    BlockTop(SIG_BLOCK);
    T.IsReady = true;
  });
  waitFor(Other.IsReady);
  expectReached(runOnAllThreads(countRun, 4711), 2);
  EXPECT_EQ(Other.runs(), 1);
}

TEST_F(AllThreadsTest, ThreadsThatComeAndGo) {
  prctl(PR_SET_TIMERSLACK, 50000);
  std::atomic<bool> MayEnd{false};
  const auto Spawn = [&](Thread &) {
    while (!MayEnd) {
      std::thread([&] { usleep(100); }).join();
      usleep(50);
    }
  };
  Thread A(Spawn), B(Spawn), C(Spawn);
  for (int Slack = 1000; Slack != 1010; Slack++) {
    const AllThreadsResult Result = runOnAllThreads(setTimerSlack, Slack);
    ASSERT_EQ(Result.Error, 0) << strerror(Result.Error);
    EXPECT_GE(Result.Reached, 4U);
  }
  MayEnd = true;
}

// Each thread creates the next and ends, so that which are there never is what
// was listed.
struct Relay {
  static std::atomic<int> Running, Wrong, Right;
  static std::atomic<int> Expected; // 0 while it changes.
  static std::atomic<bool> MayEnd;

  static void run() {
    const int Before = Expected;
    const int Found = prctl(PR_GET_TIMERSLACK);
    if (Before && Before == Expected)
      (Found == Before ? Right : Wrong)++;
    usleep(50);
    if (MayEnd)
      Running--;
    else
      std::thread(run).detach();
  }
};
std::atomic<int> Relay::Running, Relay::Wrong, Relay::Right, Relay::Expected;
std::atomic<bool> Relay::MayEnd;

TEST_F(AllThreadsTest, ThreadsThatPassItOn) {
  prctl(PR_SET_TIMERSLACK, 50000);
  constexpr int Relays = 3;
  Relay::MayEnd = false;
  Relay::Wrong = Relay::Expected = 0;
  for (int I = 0; I != Relays; I++) {
    Relay::Running++;
    std::thread(Relay::run).detach();
  }
  for (int Slack = 1001; Slack != 1011; Slack++) {
    usleep(5000);
    Relay::Expected = 0;
    const AllThreadsResult Result = runOnAllThreads(setTimerSlack, Slack);
    EXPECT_EQ(Result.Error, 0) << strerror(Result.Error);
    Relay::Right = 0;
    Relay::Expected = Slack;
    while (Relay::Right + Relay::Wrong < 5 * Relays)
      usleep(1000);
  }
  Relay::MayEnd = true;
  while (Relay::Running)
    usleep(1000);
  EXPECT_EQ(Relay::Wrong, 0);
}

TEST_F(AllThreadsTest, TheMainThreadMayHaveExited) {
  const pid_t Pid = fork();
  ASSERT_NE(Pid, -1);
  if (Pid == 0) {
    alarm(60);
    std::thread([] {
      char Buffer[4096];
      ThreadStatus Main;
      do
        EXPECT_EQ(getThreadStatus(getpid(), Buffer, sizeof(Buffer), &Main), 0);
      while (Main.Exists);
      const AllThreadsResult Result = runOnAllThreads(countRun, 4711);
      _exit(Result.Error == 0 && Result.Reached == 1 ? 0 : 1);
    }).detach();
    syscall(SYS_exit, 0); // As pthread_exit(), without unwinding the test.
  }
  int Status = 0;
  ASSERT_EQ(waitpid(Pid, &Status, 0), Pid);
  EXPECT_TRUE(WIFEXITED(Status)) << WTERMSIG(Status);
  EXPECT_EQ(WEXITSTATUS(Status), 0);
}

TEST_F(AllThreadsTest, TheParentOfAVforkIsWaitedFor) {
  Thread Other([&](Thread &T) {
    T.IsReady = true;
    const pid_t Pid = vfork();
    if (Pid == 0) {
      usleep(200 * 1000);
      _exit(0);
    }
    int Status;
    waitpid(Pid, &Status, 0);
  });
  waitFor(Other.IsReady);
  usleep(20 * 1000);
  expectReached(runOnAllThreads(countRun, 4711), 2);
  EXPECT_EQ(Other.runs(), 1);
}

// What was sent and not yet delivered would end the process, by the signal's
// default action.
TEST_F(AllThreadsTest, WhatWasSentInVainIsDropped) {
  Thread Other([&](Thread &T) {
    T.IsReady = true;
    const pid_t Pid = vfork();
    if (Pid == 0) {
      usleep(500 * 1000);
      _exit(0);
    }
    int Status;
    waitpid(Pid, &Status, 0);
  });
  waitFor(Other.IsReady);
  usleep(20 * 1000);
  const AllThreadsResult Result = runOnAllThreads(countRun, 4711, 100);
  EXPECT_EQ(Result.Error, ETIMEDOUT);
  EXPECT_EQ(Result.Thread, Other.Id);
  EXPECT_EQ(Other.runs(), 0);
}

TEST_F(AllThreadsTest, SeveralAtATime) {
  std::atomic<bool> MayStart{false};
  const auto Call = [&](Thread &) {
    waitFor(MayStart);
    for (int I = 0; I != 20; I++) {
      const AllThreadsResult Result = runOnAllThreads(countRun, 4711);
      EXPECT_EQ(Result.Error, 0) << strerror(Result.Error);
      EXPECT_EQ(Result.Reached, 4U);
    }
  };
  Thread A(Call), B(Call), C(Call);
  MayStart = true;
  while (TotalRuns != 3 * 20 * 4)
    usleep(1000);
  EXPECT_EQ(A.runs(), 60);
  EXPECT_EQ(B.runs(), 60);
  EXPECT_EQ(C.runs(), 60);
}

// A child has what its parent was in the middle of: a lock, a handler.
TEST_F(AllThreadsTest, ChildrenOfForksMeanwhile) {
  std::atomic<bool> MayEnd{false};
  {
    Thread Caller([&](Thread &) {
      while (!MayEnd)
        runOnAllThreads(countRun, 4711);
    });
    Thread Third;
    for (int I = 0; I != 20; I++)
      runInChild(60, [] {
        // The threads of the parent are none of the child's.
        const AllThreadsResult Result = runOnAllThreads(countRun, 4711);
        EXPECT_EQ(Result.Error, 0) << strerror(Result.Error);
        EXPECT_EQ(Result.Reached, 1U);
        std::atomic<bool> MayEnd{false};
        std::thread New([&] { waitFor(MayEnd); });
        EXPECT_EQ(runOnAllThreads(countRun, 4711).Reached, 2U);
        MayEnd = true;
        New.join();
      });
    MayEnd = true;
  }
}

TEST_F(AllThreadsTest, WithoutDescriptorsItSaysSo) {
  runInChild(60, [] {
    std::atomic<bool> MayEnd{false};
    std::thread New([&] { waitFor(MayEnd); });
    const rlimit None = {0, 0};
    setrlimit(RLIMIT_NOFILE, &None);
    const AllThreadsResult Result = runOnAllThreads(countRun, 4711);
    EXPECT_EQ(Result.Error, EMFILE);
    EXPECT_EQ(Result.Thread, 0);
    EXPECT_EQ(Result.Reached, 1U);
    MayEnd = true;
    New.join();
  });
}

// The caller of an async-cancellable thread must not end in the middle.
TEST_F(AllThreadsTest, IsNoCancellationPoint) {
  std::atomic<bool> IsDone{false};
  std::thread Cancelled([&] {
    pthread_cancel(pthread_self());
    EXPECT_EQ(runOnAllThreads(countRun, 4711).Error, 0);
    IsDone = true;
    pthread_testcancel();
    ADD_FAILURE() << "not cancelled";
  });
  Cancelled.join();
  EXPECT_TRUE(IsDone);
}

} // namespace
} // namespace refpage
