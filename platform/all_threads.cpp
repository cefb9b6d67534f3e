// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/all_threads.h"

#include "platform/mapping.h"
#include "platform/process.h"
#include "platform/process_lock.h"
#include "platform/scoped_errno.h"
#include "platform/scoped_no_cancel.h"
#include "platform/thread_list.h"

#include "atomic_helpers.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace refpage {
namespace {

// --- what the handler and the caller share -----------------------------------

enum Progress : u32 {
  Listed,   // Not sent anything.
  Asked,    // Sent the signal.
  Answered, // The function was run.
  Gone,     // Exited before.
};

struct Entry {
  s32 Thread;
  scudo::atomic_u32 Reached;
  int Error;     // The function's.
  bool HadToAct; // As the function says.
  u64 AskedAt;   // Nanoseconds.

  u32 progress() const {
    return scudo::atomic_load(&Reached, scudo::memory_order_acquire);
  }
  void set(Progress P) {
    scudo::atomic_store(&Reached, static_cast<u32>(P),
                        scudo::memory_order_release);
  }
};

struct Run {
  ThreadFunction Function;
  uptr Argument;
  Entry *Entries;
  uptr Capacity;
  scudo::atomic_uptr NumEntries;

  uptr count() const {
    return scudo::atomic_load(&NumEntries, scudo::memory_order_acquire);
  }

  // In the thread that the entry is of; once, whatever comes twice.
  void answer() {
    const s32 Us = gettid();
    for (uptr I = count(); I--;) {
      Entry &E = Entries[I];
      if (E.Thread != Us || E.progress() != Asked)
        continue;
      E.Error = Function(Argument, &E.HadToAct);
      E.set(Answered);
      return;
    }
  }
};

// The run that goes on, and how many threads are in the handler, whether they
// take part in it or come too late.
scudo::atomic_uptr CurrentRun = {};
scudo::atomic_u32 NumHandlers = {};
ProcessLock Lock;
// Whose threads NumHandlers counts. A fork may have come when it was not 0.
s32 CountedProcess = 0; // Guarded by Lock.

void handleSignal(int, siginfo_t *, void *) {
  ScopedErrno KeepErrno;
  scudo::atomic_fetch_add(&NumHandlers, 1U, scudo::memory_order_seq_cst);
  auto *R = reinterpret_cast<Run *>(
      scudo::atomic_load(&CurrentRun, scudo::memory_order_seq_cst));
  if (R)
    R->answer();
  scudo::atomic_fetch_sub(&NumHandlers, 1U, scudo::memory_order_seq_cst);
}

void sleepFor(u64 Nanoseconds) {
  const timespec Pause = {0, static_cast<long>(Nanoseconds)};
  nanosleep(&Pause, nullptr);
}

// --- the signal --------------------------------------------------------------

bool isUnused(const struct sigaction &Action) {
  // Ours: in the child of a fork that came during a run.
  if (Action.sa_flags & SA_SIGINFO)
    return Action.sa_sigaction == handleSignal;
  return Action.sa_handler == SIG_DFL;
}

// Returns the signal that is handled from now on, 0 if all are in use.
int takeSignal(u64 Unwanted) {
  struct sigaction Ours = {};
  Ours.sa_sigaction = handleSignal;
  // Some threads have small stacks, and an alternate one for signals.
  Ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&Ours.sa_mask);
  const u64 ToAvoid[] = {Unwanted, 0};
  for (const u64 Avoided : ToAvoid) {
    for (int Signal = SIGRTMAX; Signal >= SIGRTMIN; Signal--) {
      struct sigaction Found;
      if ((Avoided >> (Signal - 1) & 1) ||
          sigaction(Signal, nullptr, &Found) == -1 || !isUnused(Found) ||
          sigaction(Signal, &Ours, &Found) == -1)
        continue;
      if (isUnused(Found))
        return Signal;
      sigaction(Signal, &Found, nullptr); // Taken in between.
    }
  }
  return 0;
}

// The default action ends the process: what is still on its way has to be
// dropped first, which is what the kernel does when a signal is ignored.
void giveSignalBack(int Signal) {
  struct sigaction Ignore = {}, Default = {}, Found;
  Ignore.sa_handler = SIG_IGN;
  Default.sa_handler = SIG_DFL;
  if (sigaction(Signal, &Ignore, &Found) == -1)
    return;
  // The program may have come to use it meanwhile.
  sigaction(Signal, isUnused(Found) ? &Default : &Found, nullptr);
}

// --- the run -----------------------------------------------------------------

class Conductor {
public:
  // Memory is for a buffer and the table of threads.
  Conductor(Run *R, uptr Memory, uptr Size, u32 TimeoutMs)
      : Shared(*R), Buffer(reinterpret_cast<char *>(Memory)),
        Deadline(scudo::getMonotonicTime() + TimeoutMs * NsPerMs) {
    Shared.Entries = reinterpret_cast<Entry *>(Memory + BufferSize);
    Shared.Capacity = (Size - BufferSize) / sizeof(Entry);
  }

  static constexpr uptr BufferSize = 16UL << 10;

  AllThreadsResult conduct() {
    AllThreadsResult Result;
    const s32 Us = gettid();
    bool HadToAct = true;
    Result.Error = Shared.Function(Shared.Argument, &HadToAct);
    if (Result.Error) {
      Result.Thread = Us;
      return Result;
    }
    note(Us);
    Shared.Entries[0].set(Answered);
    bool All;
    Result.Error = list(&All);
    if (Result.Error && isSingleThreaded())
      Result.Error = 0; // Without /proc.
    else if (!Result.Error && !(All && Shared.count() == 1))
      reachOthers(&Result);
    for (uptr I = 0; I != Shared.count(); I++)
      Result.Reached += Shared.Entries[I].progress() == Answered &&
                        Shared.Entries[I].Error == 0;
    return Result;
  }

private:
  static constexpr u64 NsPerMs = 1000UL * 1000;
  static constexpr u64 ShortestPause = 50UL * 1000;
  static constexpr u64 LongestPause = 5 * NsPerMs;
  // A thread that exits before it is reached may have created another, which
  // only the next pass can see. A program whose threads live shorter than a
  // pass takes, one creating the next, may slip through pass after pass: that
  // gets the less likely the more passes find nothing to do. Where none has
  // exited there is less to fear: a listing that left one out.
  static constexpr u32 EnoughEvidence = 21;
  static constexpr u32 EvidenceOfPass = 7;
  static constexpr u32 EvidenceOfUnsteadyPass = 1;

  void reachOthers(AllThreadsResult *Result) {
    Result->Error = chooseSignal();
    if (Result->Error)
      return;
    scudo::atomic_store(&CurrentRun, reinterpret_cast<uptr>(&Shared),
                        scudo::memory_order_seq_cst);
    u32 Evidence = 0;
    while (Evidence < EnoughEvidence && !Result->Error) {
      NumActs = NumGone = 0;
      bool All;
      Result->Error = list(&All);
      if (!Result->Error)
        awaitAnswers(Result);
      if (NumActs)
        Evidence = 0;
      else
        Evidence += All && !NumGone ? EvidenceOfPass : EvidenceOfUnsteadyPass;
      if (!Result->Error && Evidence < EnoughEvidence && isTooLate())
        Result->Error = ETIMEDOUT; // They come faster than we can follow.
    }
    scudo::atomic_store(&CurrentRun, uptr(0), scudo::memory_order_seq_cst);
    giveSignalBack(Signal);
    // Who has seen the run is in the table still.
    while (scudo::atomic_load(&NumHandlers, scudo::memory_order_seq_cst))
      sleepFor(ShortestPause);
  }

  // Of all who are noted.
  void awaitAnswers(AllThreadsResult *Result) {
    u64 Pause = ShortestPause;
    for (;;) {
      const Entry *Waiting = nullptr;
      for (uptr I = 1; I != Shared.count(); I++) {
        Entry &E = Shared.Entries[I];
        bool IsWaiting = false;
        Result->Error = advance(&E, &IsWaiting);
        if (Result->Error) {
          Result->Thread = E.Thread;
          return;
        }
        if (IsWaiting && !Waiting)
          Waiting = &E;
      }
      if (!Waiting)
        return;
      if (isTooLate()) {
        Result->Error = ETIMEDOUT;
        Result->Thread = Waiting->Thread;
        return;
      }
      sleepFor(Pause);
      Pause = scudo::Min(Pause * 2, LongestPause);
    }
  }

  bool isTooLate() const { return scudo::getMonotonicTime() > Deadline; }

  int chooseSignal() {
    u64 Unwanted = 0;
    for (uptr I = 0; I != Shared.count(); I++) {
      ThreadStatus Status;
      const int Error = getThreadStatus(Shared.Entries[I].Thread, Buffer,
                                        BufferSize, &Status);
      if (Error)
        return Error;
      if (Status.Exists)
        Unwanted |= Status.Blocked;
    }
    Signal = takeSignal(Unwanted);
    return Signal ? 0 : EAGAIN;
  }

  // Notes the threads that there are; *All tells whether none can be missing.
  int list(bool *All) {
    ThreadList List(Buffer, BufferSize);
    int Error = List.open();
    s32 Thread = 0;
    while (!Error && (Error = List.next(&Thread)) == 0 && Thread)
      if (!note(Thread))
        Error = ENOMEM;
    *All = !Error && List.hasAll();
    return Error;
  }

  // The kernel lists threads in the order of their creation, each time. That a
  // new thread gets the number of one that has exited does not happen within
  // seconds: the kernel counts up.
  bool note(s32 Thread) {
    const uptr Count = Shared.count();
    for (uptr I = 0; I != Count; I++) {
      if (++LastNoted >= Count)
        LastNoted = 0;
      if (Shared.Entries[LastNoted].Thread == Thread)
        return true;
    }
    if (Count == Shared.Capacity)
      return false;
    Entry &E = Shared.Entries[Count];
    E.Thread = Thread;
    E.Error = 0;
    E.HadToAct = true;
    E.set(Listed);
    LastNoted = Count;
    scudo::atomic_store(&Shared.NumEntries, Count + 1,
                        scudo::memory_order_release);
    // One that was created meanwhile may be gone before there is time to look.
    if (Signal)
      send(&E, scudo::getMonotonicTime());
    return true;
  }

  // What there is to do about a thread. Returns what the function did, or why
  // the thread could not be asked.
  int advance(Entry *E, bool *IsWaiting) {
    u32 Before = E->progress();
    if (Before == Listed || Before == Asked) {
      const int Error = ask(E, Before);
      if (Error)
        return Error;
      Before = E->progress();
    }
    *IsWaiting = Before == Listed || Before == Asked;
    if (Before != Answered)
      return 0;
    NumActs += E->HadToAct;
    E->HadToAct = false; // Counts once.
    return E->Error;
  }

  int ask(Entry *E, u32 Before) {
    // Most answer at once; to ask /proc takes longer.
    constexpr u64 LookAfter = 2 * NsPerMs;
    // A signal that is not pending any more was delivered, or taken by somebody
    // else.
    constexpr u64 AskAgainAfter = 20 * NsPerMs;
    const u64 Now = scudo::getMonotonicTime();
    const u64 Since = Now - E->AskedAt;
    if (Before == Asked && Since < LookAfter)
      return 0;
    ThreadStatus Status;
    const int Error = getThreadStatus(E->Thread, Buffer, BufferSize, &Status);
    if (Error)
      return Error;
    if (!Status.Exists) {
      noteGone(E);
      return 0;
    }
    if ((Before == Asked && (Status.awaits(Signal) || Since < AskAgainAfter)) ||
        Status.blocks(Signal) || isInSigwait(E->Thread, Buffer, BufferSize))
      return 0;
    return send(E, Now);
  }

  int send(Entry *E, u64 Now) {
    E->AskedAt = Now;
    if (E->progress() == Listed)
      E->set(Asked);
    if (syscall(SYS_tgkill, getProcessId(), E->Thread, Signal) == 0 ||
        errno == EAGAIN) // RLIMIT_SIGPENDING
      return 0;
    if (errno != ESRCH)
      return errno;
    noteGone(E);
    return 0;
  }

  void noteGone(Entry *E) {
    if (E->progress() == Answered)
      return;
    E->set(Gone);
    NumGone++;
  }

  Run &Shared;
  char *const Buffer;
  const u64 Deadline;
  int Signal = 0;
  uptr LastNoted = 0;
  // In this pass: threads that had to act, and that exited unreached.
  u32 NumActs = 0;
  u32 NumGone = 0;
};

} // namespace

AllThreadsResult runOnAllThreads(ThreadFunction Function, uptr Argument,
                                 u32 TimeoutMs) {
  ScopedErrno KeepErrno;
  ScopedNoCancel NoCancel;
  ScopedProcessLock L(Lock);
  const s32 Process = getProcessId();
  if (CountedProcess != Process) {
    CountedProcess = Process;
    scudo::atomic_store(&NumHandlers, 0U, scudo::memory_order_seq_cst);
    scudo::atomic_store(&CurrentRun, uptr(0), scudo::memory_order_seq_cst);
  }
  // For 65536 threads, those that come and go meanwhile included; what is not
  // used takes no memory.
  constexpr uptr MaxThreads = 64UL << 10;
  const uptr Size =
      scudo::roundUp(Conductor::BufferSize + MaxThreads * sizeof(Entry),
                     scudo::getPageSizeCached());
  AllThreadsResult Result;
  uptr Memory;
  Result.Error = reserveMemory(Size, &Memory);
  if (Result.Error)
    return Result;
  Result.Error = commitReserved(Memory, Size);
  if (!Result.Error) {
    Run Shared = {Function, Argument, nullptr, 0, {}};
    Result = Conductor(&Shared, Memory, Size, TimeoutMs).conduct();
  }
  unmapMemory(Memory, Size);
  return Result;
}

} // namespace refpage
