// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A source: the windows that hold one contents, from small to large as the
// program asks for more.

#ifndef REFPAGE_BACKEND_SOURCE_H_
#define REFPAGE_BACKEND_SOURCE_H_

#include "refpage_backend/window.h"

#include "mutex.h"
#include "thread_annotations.h"

namespace refpage {

// Counts for the stats, in windows and bytes.
struct SourceStats {
  u32 WindowsMade = 0;
  u32 WindowsLost = 0; // The program closed the descriptor.
  u32 WindowsNow = 0;  // That take memory: open, or viewed by a block.
  uptr OwnMemory = 0;  // What those take.
  uptr PeakMemory = 0; // The most they took at a time.
  uptr LiveBytes = 0;  // Of the blocks that view them.
};

// Thread-safe. No lock is held while blocks are mapped, nor while a window is
// made, but for the first. After a fork the child has the parent's windows; one
// that another thread of the parent was mapping at the fork counts as in use in
// the child for ever, which costs its memory and, once it is replaced, a
// descriptor.
class Source {
public:
  constexpr Source() = default;

  // Called once, before any other function. The makers must outlive the source.
  void init(const Contents &NewHolds, WindowMakers *NewMakers,
            uptr NewMaxWindowSize);

  const Contents &getContents() const { return Holds; }

  // Takes a window for a block of Size bytes: fills *Taken with what mapping
  // needs, sets *Index for the calls below, and returns 0; or returns the errno
  // that stood in the way. May make a window.
  int acquire(uptr Size, Window *Taken, u8 *Index) EXCLUDES(Mutex, MakeMutex);
  // Says that the block is mapped, or will not be: the descriptor may go.
  void finishMapping(u8 Index) EXCLUDES(Mutex);
  // Takes the window that a block views already once more, to map it for that
  // block or a part of it. False if its descriptor is gone.
  bool acquireAgain(u8 Index, Window *Taken) EXCLUDES(Mutex);
  // Whether a block of Size bytes that views windows of ViewSize, and has been
  // used again so many times more, would do better with larger ones. They are
  // made when it is made anew.
  bool isOutgrown(uptr Size, uptr ViewSize, u32 Reuses) EXCLUDES(Mutex);
  // Counts one more block that views the window: a block was cut in two.
  void retain(u8 Index) EXCLUDES(Mutex);
  // Says that a block of Size bytes does not view the window any more.
  void release(u8 Index, uptr Size) EXCLUDES(Mutex);
  // Says that a block that views a window has become so many bytes longer or
  // shorter.
  void noteResize(sptr Difference) EXCLUDES(Mutex);
  // Says that the window's descriptor is not ours any more. Still in use until
  // released.
  void reportLost(u8 Index) EXCLUDES(Mutex);

  void getStats(SourceStats *Stats) EXCLUDES(Mutex);

  // Around fork().
  void disable() NO_THREAD_SAFETY_ANALYSIS {
    MakeMutex.lock();
    Mutex.lock();
  }
  void enable() NO_THREAD_SAFETY_ANALYSIS {
    Mutex.unlock();
    MakeMutex.unlock();
  }

  // Closes what is open. Blocks that view windows keep their contents.
  void close() EXCLUDES(Mutex, MakeMutex);

private:
  static constexpr u32 MaxWindows = 16;
  static constexpr u8 NoWindow = 255;

  // The size below which a window is replaced, and the size it is replaced by.
  struct WindowWish {
    uptr Least;
    uptr Best;
  };
  WindowWish getWish(uptr NewBytes) REQUIRES(Mutex);
  void addDemand(uptr Size) REQUIRES(Mutex);
  void addLive(sptr Difference) REQUIRES(Mutex);
  void makeWindow(uptr Size) REQUIRES(MakeMutex) EXCLUDES(Mutex);
  bool mayTryAgain() REQUIRES(Mutex);
  void noteFailure(int Error) REQUIRES(Mutex);
  void makeUnlessThere(const WindowWish &Wish) REQUIRES(MakeMutex)
      EXCLUDES(Mutex);
  KeptFile put(const Window &New) REQUIRES(Mutex);
  KeptFile tidy(u32 Index) REQUIRES(Mutex);
  uptr sumOwnMemory() REQUIRES(Mutex);

  Contents Holds;
  WindowMakers *Makers = nullptr;
  uptr MaxWindowSize = 0;

  // Held while a window is made, so that one thread makes it and others do not
  // make the same. Taken before Mutex.
  scudo::HybridMutex MakeMutex;

  scudo::HybridMutex Mutex;
  Window Windows[MaxWindows] GUARDED_BY(Mutex) = {};
  u8 Current GUARDED_BY(Mutex) = NoWindow;
  uptr Demand GUARDED_BY(Mutex) = 0;
  uptr LargestBlock GUARDED_BY(Mutex) = 0;
  // Bytes of blocks that view windows: now, and the most at a time.
  uptr LiveBytes GUARDED_BY(Mutex) = 0;
  uptr PeakLiveBytes GUARDED_BY(Mutex) = 0;
  int LastError GUARDED_BY(Mutex) = 0;
  u32 Failures GUARDED_BY(Mutex) = 0;
  u32 CallsToSkip GUARDED_BY(Mutex) = 0;
  SourceStats Counts GUARDED_BY(Mutex);
};

} // namespace refpage

#endif // REFPAGE_BACKEND_SOURCE_H_
