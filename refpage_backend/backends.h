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
#include "refpage_backend/restore.h"
#include "refpage_backend/stats.h"

namespace refpage {

class Backends {
public:
  constexpr Backends() = default;

  // Called once, before any other function. MaxWindowSize: bytes, whole pages.
  void init(BackendRequest NewRequest, uptr MaxWindowSize);
  // From then on ExpectedFront, below, is taken for 0. Called after init().
  void fillNothingAhead() { FillsAhead = false; }

  // Makes a reserved range readable and writable, its clean pages holding
  // Holds, and fills *B. The first ExpectedFront bytes (0 if unknown) are
  // expected to be written, so that nothing is saved by not filling them.
  // Where memory cannot have a tag it has none, and B->Holds says so. Returns
  // 0, or ENOMEM; the range is then to be unmapped.
  int commit(uptr Base, uptr Size, const Contents &Holds, uptr ExpectedFront,
             Backing *B);

  // Before a range is unmapped: it does not use its backend any more.
  void forget(uptr Size, const Backing &B);

  // Whether a range with that backing is a good place for such contents.
  // ExpectedFront as for commit().
  bool canHold(const Backing &B, uptr Size, const Contents &Wanted,
               uptr ExpectedFront) const;

  // Whether a block that can hold what is wanted, and has been used again
  // Reuses times, had better be made anew: as it would be made now its uses
  // would cost less. Asked before each use again.
  bool isOutgrown(const Backing &B, uptr Size, uptr ExpectedFront, u32 Reuses);

  // Makes a range that was used before hold Wanted all over, where canHold(),
  // but for its first Unused bytes, which nobody will see. WasDiscarded: all of
  // it was discarded since its last use; otherwise what is found says how much
  // was written in that use, from Base + Unused on.
  Restored restore(uptr Base, uptr Size, uptr Unused, const Contents &Wanted,
                   uptr ExpectedFront, bool WasDiscarded, Backing *B);

  // For a range that losesViews() and is used no more: gives their pages back
  // to the kernel. Returns what was written in them.
  ViewUse dropViews(uptr Base, uptr Size, const Backing &B);
  // As restore() for contents with a tag, which is not the one that the range
  // had: what was filled is tagged where it is, views, which were dropped, are
  // made anew. Returns 0, or ENOMEM; the range is then to be forgotten and
  // unmapped.
  int renew(uptr Base, uptr Size, uptr Unused, const Contents &Wanted,
            bool WasDiscarded, const ViewUse &Views, Backing *B, Restored *R);

  // Makes a piece of anonymous memory that was used before hold Wanted all
  // over.
  Restored restorePiece(uptr Base, uptr Size, const Contents &Wanted);

  // Counts that a filled block has lost all but Size bytes, and with them so
  // many of its mappings, one of them perhaps in part.
  void noteShortened(uptr Size, u32 LostMappings, Backing *B);
  // Counts a block whose first Size bytes are pieces of others.
  void noteGathered(uptr Size, const Backing &B);
  // Whether blocks may take mappings beyond one each.
  bool hasMappingsLeft() const;

  // A range of Size bytes is cut in two, of which the first gets FrontSize
  // bytes, and the second what is behind a gap of GapSize bytes, which the
  // caller protects or unmaps. *B is the backing of the whole, and becomes that
  // of the second; *Front that of the first.
  void split(uptr Size, uptr FrontSize, uptr GapSize, Backing *B,
             Backing *Front);

  // Makes the Added bytes of reserved address space that follow Size bytes of a
  // block (or of one that is about to be moved there) part of it, holding
  // Wanted. What the block's other clean pages hold stays. Returns 0, or an
  // errno: the block cannot grow so, and nothing has changed but what is mapped
  // in the added part.
  int extend(uptr Base, uptr Size, uptr Added, const Contents &Wanted,
             uptr ExpectedFront, Backing *B);

  // Moving a block: its first Cut bytes stay behind, the Moved bytes after them
  // go to a new place behind Head bytes of fresh anonymous memory. The backing
  // there:
  static Backing planMove(const Backing &Old, uptr Cut, uptr Head, uptr Moved);
  // Does it; FromBacking is withoutFront(Cut). *New may have been extended
  // meanwhile, to NewSize bytes. Returns 0, or an errno when a part was moved
  // and the rest cannot even be copied: then nothing can be done.
  int move(uptr From, uptr To, uptr Size, const Backing &FromBacking,
           Backing *New, uptr NewHead, uptr NewSize);
  // The mere moving. *Moved bytes are at To also after a failure.
  static int movePages(uptr From, uptr To, uptr Size, const Backing &B,
                       uptr *Moved);
  // Counts it: what stays behind of the old block views no window any more.
  // Moved is what planMove() returned.
  void finishMove(uptr OldSize, Backing *Old, uptr MovedSize,
                  const Backing &Moved);

  // How many entries of page tables a block has in use, of which Written bytes
  // were written: what calls cost that go through them.
  uptr countEntries(uptr Base, uptr Written, const Backing &B);

  // Counts a block that is used again as it is, with no contents asked for.
  void reuse(uptr Size, const Backing &B);

  // Gives the range's memory back to the kernel. Returns whether it did: the
  // range then has to be restored with WasDiscarded.
  bool discard(uptr Base, uptr Size);

  // Whether a page was written; false if that is not known.
  bool isWritten(uptr Page);

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
  int commitFilled(uptr Base, uptr Size, const Contents &Holds, bool IsReserved,
                   bool IsDense, Backing *B);
  int viewWindow(uptr Base, uptr Size, const Contents &Holds, uptr Front,
                 u32 FrontMappings, Backing *B, Reason *Why);
  Choice select(uptr Size, const Contents &Holds, uptr Front) const;
  int extendView(uptr Base, uptr Size, bool Continues, uptr BlockSize,
                 Backing *B);
  void noteMappings(uptr Now, uptr Before);
  void noteReason(Reason Why, int Error);
  void noteFill(uptr Filled, uptr NeverFilled);

  uptr getFront(uptr ExpectedFront) const;

  BackendRequest Request = BackendRequest::Auto;
  bool FillsAhead = true;
  Registry Sources;
  Pagemap WrittenPages;

  // Mappings that windows take beyond one a block.
  scudo::atomic_uptr ExtraMappings = {};

  // Whether filled memory gets huge pages, once that was found out.
  enum HugePages : u8 { Unknown, None, Some };
  scudo::atomic_u8 Huge = {};

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
