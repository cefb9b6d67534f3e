// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which pages of large blocks were read though nobody had written to them
// (uninit=report). A clean page that was read is in the page tables as a page
// of its window, which pagemap shows; so nothing is done at the reads
// themselves, and what they cost is what it costs to ask when a block is freed.
//
// See docs/uninitialised-reads.md for what is and is not seen.

#ifndef REFPAGE_ALLOCATOR_UNINIT_READS_H_
#define REFPAGE_ALLOCATOR_UNINIT_READS_H_

#include "allocator/large_block.h"
#include "platform/fault_around.h"
#include "platform/pagemap.h"

#include "mutex.h"

namespace refpage {

// Bytes from the start of a block's user memory.
struct ReadRange {
  uptr Begin;
  uptr End;
};

// What was read in the blocks of one size that one call stack allocated.
struct ReadFinding {
  static constexpr u32 MostRanges = 8;

  uptr Size;   // Of each block, as it was asked for.
  uptr Blocks; // Those in which something was read.
  // Pages in which there were reads. Where the kernel maps several pages at a
  // read: the least number of reads that can have mapped them.
  uptr Reads;
  // Whether Reads are pages.
  bool IsExact;
  u16 Site;
  // Of the first of these blocks.
  u32 NumRanges;
  bool HasMoreRanges;
  ReadRange Ranges[MostRanges];
};

struct ReadCounts {
  uptr WatchedBlocks;
  uptr WatchedBytes;
  // Of these, blocks of which a read shows but not its page.
  uptr VagueBlocks;
  // The most pages that one read has mapped.
  uptr MostPagesARead;
  // Blocks that should read as the pattern but were filled with it.
  uptr FilledBlocks;
  uptr FilledBytes;
  // Blocks in which pagemap does not tell what was read.
  uptr UnknownBlocks;
  // Reads that found no room in the table of findings.
  uptr LostReads;
};

// Who allocated.
struct CallSite {
  static constexpr u32 MostCallers = 16;

  u32 Hash;
  u32 NumCallers; // 0: not known, or there was no room.
  uptr Callers[MostCallers];
};

// Constant-initialised, thread-safe; errno is kept, nothing is allocated.
// In the child of a fork all begins anew: what the parent has read is the
// parent's, and so are the blocks that it had, whose page tables the child may
// have got or not (the kernel copies them for mappings in which something was
// written).
class UninitReads {
public:
  constexpr UninitReads() = default;

  // Starts to watch; called once, before there are blocks. Returns 0 or an
  // errno.
  int start();
  bool isOn() const { return UNLIKELY(T != nullptr); }

  // A new block, which is nobody's yet: notes who allocates it, and in Span
  // what count() has to know. IsMoved: its pages were another block's, which
  // was settled.
  void watch(BlockSpan *Span, bool IsMoved) EXCLUDES(Mutex);

  // Counts what was read in a block that is in use, or that is being freed and
  // is still mapped.
  void count(const LargeHeader *H) EXCLUDES(Mutex);
  void countFreed(const LargeHeader *H) EXCLUDES(Mutex);

  // Around realloc(), which may itself read all of a block: what was read so
  // far is counted; what is read while it is settled is not, nor when the block
  // is freed meanwhile. Entry is the caller's, on its stack. KeepsBlock:
  // whether it is still there.
  struct Settled {
    const void *Block;
    Settled *Next;
  };
  void settle(void *Block, Settled *Entry) EXCLUDES(Mutex);
  void endSettled(Settled *Entry, bool KeepsBlock) EXCLUDES(Mutex);

  // Calls Callback(const ReadFinding &, const CallSite &) for each. Takes the
  // lock.
  template <typename F> void forEachFinding(F Callback) EXCLUDES(Mutex) {
    scudo::ScopedLock L(Mutex);
    takeOver();
    for (const ReadFinding &Found : T->Findings)
      if (Found.Blocks)
        Callback(Found, T->Sites[Found.Site]);
  }
  ReadCounts getCounts() EXCLUDES(Mutex);

  // Around fork().
  void disable() NO_THREAD_SAFETY_ANALYSIS {
    Mutex.lock();
    Pages.disable();
  }
  void enable() NO_THREAD_SAFETY_ANALYSIS {
    Pages.enable();
    Mutex.unlock();
  }

private:
  // The kernel gives it to the child of a fork as zeros.
  struct Tables {
    static constexpr u32 MostSites = 4096; // Of 144 bytes.
    static constexpr u32 MostFindings = 1024;

    bool IsOurs;
    // The first that is this process's, not its parent's.
    u8 FirstEpoch;
    u32 NumSites;
    ReadCounts Counts;
    // What a read maps, by whether fault-around was switched off and by
    // backend.
    uptr PagesARead[2][NumBackends];
    CallSite Sites[MostSites]; // The first stands for none.
    ReadFinding Findings[MostFindings];
  };

  void takeOver() REQUIRES(Mutex);
  void beginEpoch() REQUIRES(Mutex);
  u16 findSite(const uptr *Callers, u32 NumCallers) REQUIRES(Mutex);
  ReadFinding *findFinding(u16 Site, uptr Size, bool IsExact) REQUIRES(Mutex);
  uptr measure(uptr Base, uptr Size) REQUIRES(Mutex);
  void countReads(const LargeHeader *H) REQUIRES(Mutex);
  Settled **findSettled(const void *Block) REQUIRES(Mutex);
  bool dropMarks(uptr Base, uptr Size, uptr *Dropped) REQUIRES(Mutex);
  void dropMarks(const BlockSpan &Span) REQUIRES(Mutex);

  scudo::HybridMutex Mutex;
  Tables *T = nullptr; // Set once, by start(). What it points to is guarded.
  // Changes with each fork and with each new switch, whose predecessor is gone:
  // a block of an earlier one may have had fault-around on.
  u8 Epoch GUARDED_BY(Mutex) = 0;
  FaultAroundSwitch Switch GUARDED_BY(Mutex);
  // What threads are reallocating.
  Settled *FirstSettled GUARDED_BY(Mutex) = nullptr;
  Pagemap Pages;
};

// The process's.
extern UninitReads TheUninitReads;

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_UNINIT_READS_H_
