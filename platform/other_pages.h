// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the pages of another process are, from /proc/PID/pagemap
// (Documentation/admin-guide/mm/pagemap.rst). Works unprivileged for those who
// may trace the process: the page frame numbers, which need privilege, are not
// used.

#ifndef REFPAGE_PLATFORM_OTHER_PAGES_H_
#define REFPAGE_PLATFORM_OTHER_PAGES_H_

#include "platform/other_process.h"

namespace refpage {

// Of pages that are there at all.
enum class OtherPage : u8 {
  File,      // A page of the mapped file: it was read, not written.
  ZeroPage,  // The kernel's page of zeros, if the kernel tells: the same.
  Exclusive, // A page of the process's own.
  // One that others have too: of a fork, after a merge (KSM), or a page that
  // the kernel does not count (the zero page where it does not tell).
  Shared,
  Swapped, // In swap, or on its way between two frames.
};

struct OtherPageRun {
  uptr Base; // Bytes, a multiple of the page size, as is Size.
  uptr Size;
  OtherPage Is;
};

class OtherPages {
public:
  OtherPages() = default;
  ~OtherPages() { closeFile(Fd); }
  OtherPages(const OtherPages &) = delete;
  void operator=(const OtherPages &) = delete;

  // Returns 0 or an errno; EACCES, EPERM: see OtherProcess::openFile(); ESRCH:
  // it has gone, or the kernel has no pagemap (CONFIG_PROC_PAGE_MONITOR).
  int open(const OtherProcess &Of);

  // Calls Callback(const OtherPageRun &) for each run of pages of [Base, Base +
  // Size) that are there, in order; one run may come in several parts. Returns
  // 0 or an errno; ESRCH: the process has gone. Reads an entry of 8 bytes for
  // each page, or, where the kernel has PAGEMAP_SCAN (Linux 6.7), for each that
  // is there.
  template <typename F> int forEachRun(uptr Base, uptr Size, F Callback) {
    OtherPageRun Runs[MaxRuns];
    EntriesEnd = 0;
    for (uptr Next = Base; Next != Base + Size;) {
      u32 Count;
      if (const int Error = readRuns(&Next, Base + Size, Runs, &Count))
        return Error;
      for (u32 I = 0; I != Count; I++)
        Callback(Runs[I]);
    }
    return 0;
  }

  // Whether ZeroPage is told from Shared: known after the first range.
  bool knowsZeroPage() const { return MayScan; }
  // As if the kernel had no PAGEMAP_SCAN.
  void readEntriesOnly() { MayScan = false; }

private:
  static constexpr u32 MaxRuns = 128;

  int readRuns(uptr *Next, uptr End, OtherPageRun *Runs, u32 *Count);
  int scan(uptr *Next, uptr End, OtherPageRun *Runs, u32 *Count);
  int readEntries(uptr *Next, uptr End, OtherPageRun *Runs, u32 *Count);

  int Fd = -1;
  bool MayScan = true;
  // Behind it nothing was scanned; pages up to it are there, and their entries
  // are to be read.
  uptr EntriesEnd = 0;
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_OTHER_PAGES_H_
