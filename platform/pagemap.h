// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which pages of a private mapping have been written, from /proc/self/pagemap
// (Documentation/admin-guide/mm/pagemap.rst): a page of the mapped file that
// was copied on write is present and no longer a file page; so is a page of
// anonymous memory that was touched. Works unprivileged: the page frame numbers
// that need privilege are not used.

#ifndef REFPAGE_PLATFORM_PAGEMAP_H_
#define REFPAGE_PLATFORM_PAGEMAP_H_

#include "platform/fork_detector.h"
#include "platform/parked_fd.h"
#include "platform/types.h"

#include "mutex.h"
#include "thread_annotations.h"

namespace refpage {

enum class PageState : u8 {
  Clean,   // As it was mapped.
  Written, // A page of its own, resident.
  Swapped, // A page of its own, in swap (or on its way between two frames).
};

// The file, kept open: to open and close it takes 3 us, to read about a block
// of 256 KiB 0.7 us. Thread-safe. A descriptor that the program has closed or
// reused, or that shows the parent of a fork, is noticed before each use and
// replaced.
class Pagemap {
public:
  constexpr Pagemap() = default;

  // Calls Callback(Address, Bytes, State) for each run of pages of one state in
  // [Base, Base + Size), in order. Base and Size are multiples of the page
  // size. Stops when the callback returns false. Returns false if the states
  // cannot be read (no /proc, a read error); the callback may then have been
  // called for the front of the range. The callback may write to the pages.
  // Keeps errno; does not allocate.
  template <typename F>
  bool forEachRun(uptr Base, uptr Size, F Callback) EXCLUDES(Mutex) {
    const uptr PageSize = scudo::getPageSizeCached();
    u64 Entries[MaxEntries];
    uptr RunBase = Base;
    PageState RunState = PageState::Clean;
    for (uptr Page = Base; Page != Base + Size;) {
      const uptr Count =
          readEntries(Page, (Base + Size - Page) / PageSize, Entries);
      if (Count == 0)
        return false;
      for (uptr I = 0; I != Count; I++, Page += PageSize) {
        const PageState State = stateOf(Entries[I]);
        if (State == RunState)
          continue;
        if (Page != RunBase && !Callback(RunBase, Page - RunBase, RunState))
          return true;
        RunBase = Page;
        RunState = State;
      }
    }
    if (Base + Size != RunBase)
      Callback(RunBase, Base + Size - RunBase, RunState);
    return true;
  }

  // Around fork().
  void disable() NO_THREAD_SAFETY_ANALYSIS { Mutex.lock(); }
  void enable() NO_THREAD_SAFETY_ANALYSIS { Mutex.unlock(); }

  void close() EXCLUDES(Mutex);

private:
  // 2 KiB: small enough for any thread's stack, and a read of it describes
  // 1 MiB of memory.
  static constexpr uptr MaxEntries = 256;

  static PageState stateOf(u64 Entry) {
    constexpr u64 Present = 1ULL << 63;
    constexpr u64 Swapped = 1ULL << 62;
    constexpr u64 FilePage = 1ULL << 61;
    if ((Entry & FilePage) || !(Entry & (Present | Swapped)))
      return PageState::Clean;
    return (Entry & Present) ? PageState::Written : PageState::Swapped;
  }

  // Fills Entries from the page at Address on; returns how many, 0 on failure.
  uptr readEntries(uptr Address, uptr Pages, u64 *Entries) EXCLUDES(Mutex);
  bool getFile(KeptFile *Result) EXCLUDES(Mutex);
  void reportLost(const KeptFile &Lost) EXCLUDES(Mutex);

  scudo::HybridMutex Mutex;
  KeptFile File GUARDED_BY(Mutex);
  ForkDetector Forks GUARDED_BY(Mutex);
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_PAGEMAP_H_
