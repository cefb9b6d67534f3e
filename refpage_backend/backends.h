// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory whose clean pages hold given contents: the backends, put to work on
// the ranges of blocks. A backend that fails is replaced by the next one, down
// to memset.
//
// Ranges are in bytes, of whole pages, and belong to the caller, who has
// reserved them (reserveMemory()). Thread-safe; no lock is held across a fill
// or the mapping of a block. Nothing here allocates or changes `errno`.

#ifndef REFPAGE_BACKEND_BACKENDS_H_
#define REFPAGE_BACKEND_BACKENDS_H_

#include "platform/pagemap.h"
#include "refpage_backend/registry.h"
#include "refpage_backend/stats.h"

namespace refpage {

class Backends {
public:
  constexpr Backends() = default;

  // Called once, before any other function. MaxWindowSize: bytes, whole pages.
  void init(BackendRequest NewRequest, uptr MaxWindowSize);

  // Makes a reserved range readable and writable, its clean pages holding
  // Holds, and fills *B. The first ExpectedFront bytes (0 if unknown) are
  // expected to be written, so that nothing is saved by not filling them.
  // Returns 0, or ENOMEM; the range is then to be unmapped.
  int commit(uptr Base, uptr Size, const Contents &Holds, uptr ExpectedFront,
             Backing *B);

  // Before a range is unmapped: it does not use its backend any more.
  void forget(const Backing &B);

  // Whether a range with that backing is a good place for such contents.
  bool canHold(const Backing &B, uptr Size, const Contents &Wanted) const;

  // Makes a range that was used before hold Wanted all over, where canHold().
  // WasDiscarded: all of it was discarded since its last use.
  void restore(uptr Base, uptr Size, const Contents &Wanted, bool WasDiscarded,
               Backing *B);

  // Counts a block that is used again as it is, with no contents asked for.
  void reuse(uptr Size, const Backing &B);

  // Gives the range's memory back to the kernel. Returns whether it did: the
  // range then has to be restored with WasDiscarded.
  bool discard(uptr Base, uptr Size);

  // Which pages of a range were written, for those who learn from it.
  Pagemap &getWrittenPages() { return WrittenPages; }

  void getStats(BackendStats *Stats);

  // Around fork().
  void disable();
  void enable();

  // Closes what is open.
  void close();

private:
  int commitWindow(uptr Base, uptr Size, const Contents &Holds, uptr Front,
                   Backing *B, Reason *Why);
  int commitMemset(uptr Base, uptr Size, const Contents &Holds, bool IsReserved,
                   bool IsDense, Backing *B);
  void noteReason(Reason Why, int Error);
  void noteFill(uptr Filled, uptr NeverFilled);

  BackendRequest Request = BackendRequest::Auto;
  Registry Sources;
  Pagemap WrittenPages;

  // Mappings that windows take beyond one a block.
  scudo::atomic_uptr ExtraMappings = {};

  scudo::atomic_uptr Blocks[NumBackends] = {};
  scudo::atomic_uptr Bytes[NumBackends] = {};
  scudo::atomic_uptr ReusedBlocks[NumBackends] = {};
  scudo::atomic_uptr ReusedBytes[NumBackends] = {};
  scudo::atomic_uptr FilledBytes = {};
  scudo::atomic_uptr NeverFilledBytes = {};
  scudo::atomic_uptr Reasons[NumReasons] = {};
  scudo::atomic_s32 LastErrors[NumReasons] = {};
};

} // namespace refpage

#endif // REFPAGE_BACKEND_BACKENDS_H_
