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
// those of a fresh block. What was written is looked at only to learn from it.
ViewUse Backends::dropViews(uptr Base, uptr Size, const Backing &B) {
  ViewUse Use;
  const uptr Views = Base + B.FilledBytes;
  const uptr ViewsSize = Size - B.FilledBytes;
  WrittenPages.forEachWrittenRun(Views, ViewsSize, [&](const PageRun &Run) {
    if (Run.Base == Views + Use.Front)
      Use.Front += Run.Size;
    Use.Written += Run.Size;
    return true;
  });
  discardPages(Views, ViewsSize);
  return Use;
}

int Backends::renew(uptr Base, uptr Size, uptr Unused, const Contents &Wanted,
                    bool WasDiscarded, const ViewUse &Views, Backing *B,
                    Restored *R) {
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
    const uptr Skipped = Unused > Front ? Unused - Front : 0;
    R->Filled += Views.Written;
    if (R->Front == Front + Skipped - Unused && Views.Front > Skipped)
      R->Front += Views.Front - Skipped;
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
