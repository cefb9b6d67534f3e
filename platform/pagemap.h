// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which pages of a private mapping have been written, or read, from
// /proc/self/pagemap (Documentation/admin-guide/mm/pagemap.rst): a page of the
// mapped file that was copied on write is present and no longer a file page; so
// is a page of anonymous memory that was touched. One that was read is present
// and a page of the file. Works unprivileged: the page frame numbers that need
// privilege are not used.

#ifndef REFPAGE_PLATFORM_PAGEMAP_H_
#define REFPAGE_PLATFORM_PAGEMAP_H_

#include "platform/fork_detector.h"
#include "platform/parked_fd.h"
#include "platform/types.h"

#include "atomic_helpers.h"
#include "mutex.h"
#include "thread_annotations.h"

namespace refpage {

// Pages in a row that are not as they were mapped.
struct PageRun {
  uptr Base; // Bytes, a multiple of the page size, as is Size.
  uptr Size;
  // In swap, or on their way between two frames; otherwise resident.
  bool IsSwapped;
};

// The file, kept open: to open and close it takes 3 us, to read about a block
// of 256 KiB 0.7 us. Thread-safe. A descriptor that the program has closed or
// reused, or that shows the parent of a fork, is noticed and replaced.
//
// Where the kernel has PAGEMAP_SCAN (Linux 6.7) that is asked, since it passes
// over what was never touched: 64 MiB with one page written take 2 us, and 55
// us by reading an entry for each page. With all pages written it is a quarter
// slower, in us for 1 MiB: 10.7 against 8.2; those who know that a range was
// written need not ask. Where the process has a seccomp filter when
// the file is opened it is not tried, for filters that look at the commands of
// ioctl() may kill.
class Pagemap {
public:
  constexpr Pagemap() = default;

  // Calls Callback(const PageRun &) for each run of written pages in [Base,
  // Base + Size), in order; one run may come in several parts. Base and Size
  // are multiples of the page size. Stops when the callback returns false.
  // Returns false if the pages' states cannot be had (no /proc, a read error);
  // the callback may then have been called for the front of the range. The
  // callback may write to the pages. Keeps errno; does not allocate.
  template <typename F>
  bool forEachWrittenRun(uptr Base, uptr Size, F Callback) EXCLUDES(Mutex) {
    return forEachRun(Wanted::Written, Base, Size, Callback);
  }

  // The same for pages of the mapped file that the process has in its page
  // tables: those that were read and not written since. Around a page that is
  // read the kernel may put others (see fault_around.h), and it drops what it
  // gives to others under memory pressure. IsSwapped is false.
  template <typename F>
  bool forEachReadRun(uptr Base, uptr Size, F Callback) EXCLUDES(Mutex) {
    return forEachRun(Wanted::Read, Base, Size, Callback);
  }

  // Around fork().
  void disable() NO_THREAD_SAFETY_ANALYSIS { Mutex.lock(); }
  void enable() NO_THREAD_SAFETY_ANALYSIS { Mutex.unlock(); }

  void close() EXCLUDES(Mutex);

private:
  // With what is read into, 3 KiB: small enough for any thread's stack.
  static constexpr u32 MaxRuns = 64;

  enum class Wanted : u8 { Written, Read };

  template <typename F>
  bool forEachRun(Wanted Pages, uptr Base, uptr Size, F Callback)
      EXCLUDES(Mutex) {
    PageRun Runs[MaxRuns];
    for (uptr Next = Base; Next != Base + Size;) {
      u32 Count;
      if (!readRuns(Pages, &Next, Base + Size, Runs, &Count))
        return false;
      for (u32 I = 0; I != Count; I++)
        if (!Callback(Runs[I]))
          return true;
    }
    return true;
  }

  // Fills Runs with the runs from *Next on and moves *Next behind what was
  // looked at, at most to End.
  bool readRuns(Wanted Pages, uptr *Next, uptr End, PageRun *Runs, u32 *Count)
      EXCLUDES(Mutex);
  // The two ways to ask.
  static bool scanRuns(int Fd, Wanted Pages, uptr *Next, uptr End,
                       PageRun *Runs, u32 *Count);
  static bool entryRuns(int Fd, Wanted Pages, uptr *Next, uptr End,
                        PageRun *Runs, u32 *Count);
  bool getFile(KeptFile *Result) EXCLUDES(Mutex);
  bool isFileOfThisProcess() EXCLUDES(Mutex);
  void reportLost(const KeptFile &Lost) EXCLUDES(Mutex);

  scudo::HybridMutex Mutex;
  KeptFile File GUARDED_BY(Mutex);
  ForkDetector Forks GUARDED_BY(Mutex);
  // Whether PAGEMAP_SCAN may be used.
  scudo::atomic_u8 MayScan = {};
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_PAGEMAP_H_
