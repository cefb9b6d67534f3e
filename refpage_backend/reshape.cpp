// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Blocks that are cut, moved or lengthened: what becomes of their backing.

#include "refpage_backend/backends.h"

#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "refpage_backend/dense_fill.h"

#include "atomic_helpers.h"

#include <errno.h>
#include <string.h>

namespace refpage {

using scudo::atomic_load_relaxed;

void Backends::split(uptr Size, uptr FrontSize, uptr GapSize, Backing *B,
                     Backing *Front) {
  const Backing Whole = *B;
  const uptr Cut = FrontSize + GapSize;
  *B = Whole.withoutFront(Cut);
  *Front = Whole;
  Front->setFilled(scudo::Min(Whole.FilledBytes, FrontSize),
                   Whole.FilledMappings);
  if (Whole.hasWindow()) {
    Source &From = Sources.get(Whole.Source);
    uptr Lost = GapSize;
    // Of several mappings some may be views that are looked at like filled
    // memory.
    if (Front->FilledBytes == FrontSize && Front->FilledMappings == 1) {
      Front->Kind = getFillingBackend(Whole.Holds);
      Lost = Cut;
    } else {
      From.retain(Whole.Window);
    }
    From.noteResize(-static_cast<sptr>(Lost));
  }
  noteMappings(Front->countExtraMappings(FrontSize) +
                   B->countExtraMappings(Size - Cut),
               Whole.countExtraMappings(Size));
}

Backing Backends::planMove(const Backing &Old, uptr Cut, uptr Head,
                           uptr Moved) {
  Backing New = Old.withoutFront(Cut);
  const uptr Size = Head + Moved;
  if (isFilled(New.Kind))
    New.setFilled(Size, New.FilledMappings + 1);
  else if (New.hasWindow())
    New.setFilled(scudo::Min(New.FilledBytes + Head, Size),
                  New.FilledMappings + 1);
  return New;
}

int Backends::movePages(uptr From, uptr To, uptr Size, const Backing &B,
                        uptr *Moved) {
  const uptr Filled = B.hasWindow() ? scudo::Min(B.FilledBytes, Size) : 0;
  u32 Mappings;
  *Moved = 0;
  if (Filled)
    if (const int Error =
            moveMemory(From, To, Filled, 0, Filled, Moved, &Mappings))
      return Error;
  if (Filled == Size)
    return 0;
  uptr MovedViews;
  const int Error =
      moveMemory(From + Filled, To + Filled, Size - Filled,
                 B.hasWindow() ? B.FirstView : 0,
                 B.hasWindow() ? B.ViewSize : Size, &MovedViews, &Mappings);
  *Moved += MovedViews;
  return Error;
}

int Backends::move(uptr From, uptr To, uptr Size, const Backing &FromBacking,
                   Backing *New, uptr NewHead, uptr NewSize) {
  uptr Moved;
  int Error = movePages(From, To, Size, FromBacking, &Moved);
  if (!Error)
    return 0;
  // Half moved: the kernel is short of memory or of mappings. What is left is
  // copied, so that the block is whole again, and nothing stays where it was.
  const uptr Left = Size - Moved;
  const Contents &Holds = FromBacking.Holds;
  Error = commitReserved(To + Moved, Left, Holds.getTags());
  if (Error)
    return Error;
  if (Holds.Tag)
    storeTags(To + Moved, Left, Holds.Tag);
  ScopedUncheckedAccess Unchecked;
  memcpy(reinterpret_cast<void *>(To + Moved),
         reinterpret_cast<const void *>(From + Moved), Left);
  unmapMemory(From + Moved, Left);
  if (New->Kind == Backend::Zero)
    return 0;
  const uptr Before = New->countExtraMappings(NewSize);
  const uptr Filled = scudo::Max(New->FilledBytes, NewHead + Size);
  New->FirstView = New->withoutFront(Filled).FirstView;
  // What was moved is in as many mappings as it was; besides, there may be a
  // head, and there is what was copied.
  const u32 MovedMappings =
      static_cast<u32>(FromBacking.countExtraMappings(Size)) + 1;
  New->setFilled(Filled,
                 scudo::Max(New->FilledMappings + 1, MovedMappings + 2));
  noteMappings(New->countExtraMappings(NewSize), Before);
  return 0;
}

void Backends::finishMove(uptr OldSize, Backing *Old, uptr MovedSize,
                          const Backing &Moved) {
  noteMappings(Moved.countExtraMappings(MovedSize),
               Old->countExtraMappings(OldSize));
  if (Old->hasWindow()) {
    Sources.get(Old->Source)
        .noteResize(static_cast<sptr>(MovedSize) - static_cast<sptr>(OldSize));
  }
  *Old = Backing();
}

int Backends::extend(uptr Base, uptr Size, uptr Added, const Contents &Wanted,
                     uptr ExpectedFront, Backing *B) {
  if (B->Kind == Backend::Zero && Wanted.isZero())
    return commitReserved(Base + Size, Added);
  if (B->hasWindow() && !(B->Holds == Wanted))
    return ENOTSUP;
  const uptr Front = getFront(ExpectedFront);
  const Choice First = select(Size + Added, Wanted, Front);
  uptr Filled = First.How == Method::Fill
                    ? Added
                    : scudo::Min(Front > Size ? Front - Size : 0, Added);
  const u32 Mappings = static_cast<u32>(B->countExtraMappings(Size)) + 1;
  Backing New = *B;
  New.Holds = Wanted;
  if (!B->hasWindow() || Filled)
    New.setFilled(Size + Filled, Mappings + 1);
  int Error =
      Filled ? commitReserved(Base + Size, Filled, Wanted.getTags()) : 0;
  if (!Error && Filled != Added) {
    const uptr Views = Base + Size + Filled;
    const uptr ViewsSize = Added - Filled;
    Error = extendView(Views, ViewsSize, Filled == 0, Size, &New);
    // A block that views no window yet can do without.
    if (Error && !B->hasWindow()) {
      noteReason(Reason::MapFailed, Error);
      Error = mapAnonymousOver(Views, ViewsSize, Wanted.getTags());
      if (Error)
        reserveHole(Views, ViewsSize);
      New = *B;
      New.Holds = Wanted;
      New.setFilled(Size + Added, Mappings + (Filled ? 2 : 1));
      Filled = Added;
    }
  }
  if (Error)
    return Error;
  if (Filled == Added && !New.hasWindow())
    New.Kind = getFillingBackend(Wanted);
  noteMappings(New.countExtraMappings(Size + Added),
               B->countExtraMappings(Size));
  if (New.hasWindow()) {
    // A window that the block has not viewed before knows of its new views.
    Sources.get(New.Source)
        .noteResize(static_cast<sptr>(B->hasWindow() ? Added : Size + Filled));
  }
  ScopedUncheckedAccess Unchecked;
  fillDense(Base + Size, Filled, Wanted);
  noteFill(Filled, Added - Filled);
  *B = New;
  return 0;
}

// Views the window from Base on in Size bytes that follow a block of BlockSize
// bytes; Continues says that they follow views.
int Backends::extendView(uptr Base, uptr Size, bool Continues, uptr BlockSize,
                         Backing *B) {
  const bool HadWindow = B->hasWindow();
  Window W;
  if (HadWindow) {
    // The block stays with its window: it counts as a user of one.
    if (!Sources.get(B->Source).acquireAgain(B->Window, &W))
      return ENOTSUP;
  } else {
    Source *New = Sources.find(B->Holds, &B->Source);
    if (!New)
      return ENOSPC;
    if (const int Error = New->acquire(Size, &W, &B->Window))
      return Error;
  }
  Source &From = Sources.get(B->Source);
  if (atomic_load_relaxed(&ExtraMappings) + Size / W.Size > MaxWindowMappings) {
    From.finishMapping(B->Window);
    if (!HadWindow)
      From.release(B->Window, Size);
    return ENOSPC;
  }
  uptr Offset = 0;
  const uptr Viewed = HadWindow && Continues ? BlockSize - B->FilledBytes : 0;
  if (Viewed) {
    // The last view may have ended early. Where it ended the next one goes on,
    // and the kernel makes one mapping of the two.
    if (Viewed > B->FirstView)
      Offset = (Viewed - B->FirstView) % B->ViewSize;
    else
      Offset = B->ViewSize - (B->FirstView - Viewed);
    Offset %= B->ViewSize;
  } else {
    B->FirstView = B->ViewSize = W.Size;
  }
  B->Kind = W.Maker->Kind;
  bool Lost;
  const int Error = mapWindow(W, Offset, Base, Size, &Lost);
  if (Lost)
    From.reportLost(B->Window);
  From.finishMapping(B->Window);
  if (!HadWindow && Error)
    From.release(B->Window, Size);
  return Error;
}

} // namespace refpage
