// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Blocks with a memory tag that are used again, with another one.

#include "refpage_backend/backends.h"

#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "refpage_backend/dense_fill.h"

#include "atomic_helpers.h"

#include <errno.h>

namespace refpage {

// Pages of a view have the window's tag, or had it when they were copied: to
// give those another one and map the clean ones between them anew would leave a
// mapping for each gap. So all are dropped, and the faults of the next use are
// those of a fresh block.
int Backends::renew(uptr Base, uptr Size, uptr Unused, const Contents &Wanted,
                    bool WasDiscarded, Backing *B, Restored *R) {
  ScopedUncheckedAccess Unchecked;
  const Backing Old = *B;
  const uptr Start = Base + Unused;
  const uptr Front = Old.FilledBytes;
  if (WasDiscarded) {
    fillDense(Base, Front, Wanted);
    R->Filled = Front;
  } else if (Front > Unused) {
    restoreByContents(Start, Front - Unused, Wanted, Start, CleanPages::Keep,
                      R);
  }
  uptr Filled = R->Filled;

  if (Old.hasWindow()) {
    // What was written is looked at only to learn from it.
    const uptr Views = scudo::Max(Base + Front, Start);
    if (!WasDiscarded)
      WrittenPages.forEachWrittenRun(Views, Base + Size - Views,
                                     [&](const PageRun &Run) {
                                       if (Run.Base == Start + R->Front)
                                         R->Front += Run.Size;
                                       R->Filled += Run.Size;
                                       return true;
                                     });
    Backing New;
    Reason Why = Reason::SparseUse;
    int Error =
        viewWindow(Base, Size, Wanted, Front, Old.FilledMappings, &New, &Why);
    if (Error) {
      noteReason(Why, Error);
      Error = commitFilled(Base + Front, Size - Front, Wanted,
                           /*IsReserved=*/false, /*IsDense=*/false, &New);
      if (Error)
        return ENOMEM;
      New.Holds = Wanted;
      New.setFilled(Size, Old.FilledMappings + 1);
      noteMappings(New.countExtraMappings(Size), 0);
      Filled += Size - Front;
    }
    forget(Size, Old);
    *B = New;
  } else {
    const uptr Before = Old.countExtraMappings(Size);
    B->Kind = Backend::TagStore;
    B->setFilled(Size, scudo::Max(Old.FilledMappings, 1U));
    B->Holds = Wanted;
    noteMappings(B->countExtraMappings(Size), Before);
  }
  reuse(Size, *B);
  noteFill(Filled, Size - Filled);
  return 0;
}

} // namespace refpage
