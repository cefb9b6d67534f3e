// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A window: a file of reference pages, mapped privately as often as a block
// needs: once, if the kernel made it, since such a file has no end.

#ifndef REFPAGE_BACKEND_WINDOW_H_
#define REFPAGE_BACKEND_WINDOW_H_

#include "platform/mapping.h"
#include "platform/parked_fd.h"
#include "refpage_backend/backing.h"

#include "atomic_helpers.h"

namespace refpage {

struct WindowMaker;

struct Window {
  const WindowMaker *Maker = nullptr; // Null: the slot is free.
  KeptFile File;                      // Fd -1: closed, or lost to the program.
  uptr Size = 0;                      // Bytes that one mapping can span.
  uptr OwnMemory = 0;                 // Bytes the window itself takes.
  MemoryTags Tags = MemoryTags::None; // How its views are mapped.
  u32 Users = 0;   // Blocks that view it, live or cached or being made.
  u32 Mappers = 0; // Threads that are about to map it.
};

// One way to get files of reference pages.
struct WindowMaker {
  Backend Kind;
  // Whether one mapping may be longer than the file (kernel-made reference
  // pages): then there is no use for windows of several sizes.
  bool AnyLength;
  // Makes a window of at least Size bytes that nothing can change any more,
  // with a parked descriptor: fills in *New, which has its Maker already.
  // Returns 0 or an errno; those after which it is not tried again in the life
  // of the process are in isGone().
  int (*Make)(const Contents &Holds, uptr Size, Window *New);
  // Whether W.File still is the file that Make() left there.
  bool (*IsIntact)(const Window &W);
  // What the error means, for the statistics, where that is more than errno's
  // text; nullptr where it is not. May be null.
  const char *(*Explain)(int Error);
};

// Errors of Make() that stay: the kernel lacks it (ENOSYS, ENOENT), has
// something else in its place (EBADMSG), or it must not be tried (ECANCELED).
bool isGone(int Error);

// The ways that a process has, in the order they are tried.
struct WindowMakers {
  static constexpr u32 Most = 3;
  const WindowMaker *List[Most] = {};
  u32 Count = 0;
  // How the last try of each ended: 0 or an errno. Atomic; shared by all
  // sources.
  scudo::atomic_s32 Errors[Most] = {};

  void add(const WindowMaker *Maker) { List[Count++] = Maker; }
};

// Views W all over [Base, Base + Size), which the caller owns: first from
// Offset in it on, then from its start again and again. Proves afterwards that
// it was W's file that was mapped: if the descriptor is still ours after the
// last mapping it was ours at each, since a number once lost never comes back
// by itself. Sets *Lost if it was not. Returns 0 or an errno; then the range
// may be partly mapped or have holes (mapFileOver()).
int mapWindow(const Window &W, uptr Offset, uptr Base, uptr Size, bool *Lost);

} // namespace refpage

#endif // REFPAGE_BACKEND_WINDOW_H_
