// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/kept_block.h"

#include "platform/tag_support.h"
#include "refpage_backend/dense_fill.h"

namespace refpage {

void KeptBlock::drop(Backends &Pages) {
  Pages.forget(Span.CommitSize, Span.Backed);
  Span.unmap();
  Span.CommitBase = 0;
}

// mprotect() costs 0.9 us a mapping and 0.16 us for each page, both ways; to
// move costs 7 us, 3.2 us a mapping and 0.01 us a page, and is not undone.
bool KeptBlock::protect(Backends &Pages) {
  constexpr uptr MoveNs = 7000;
  constexpr uptr MoveMappingNs = 2300; // More than mprotect().
  constexpr uptr ProtectPageNs = 145;  // More than moving.
  const uptr Mappings = Span.Backed.countExtraMappings(Span.CommitSize) + 1;
  const uptr Entries =
      Pages.countEntries(Span.CommitBase, Span.WrittenBytes, Span.Backed);
  const bool CanMove = !Span.Backed.Holds.Tag || getTagSupport().Moves;
  if (CanMove && Entries * ProtectPageNs > MoveNs + Mappings * MoveMappingNs) {
    if (relocate(Pages))
      return true;
    if (!exists())
      return false;
  }
  IsProtected = protectMemory(Span.CommitBase, Span.CommitSize) == 0;
  return IsProtected;
}

bool KeptBlock::relocate(Backends &Pages) {
  BlockSpan New = Span;
  // Huge pages are moved as such from one multiple of theirs to another.
  const int Error =
      Span.CommitSize < HugePageSize
          ? reserveMemory(New.MapSize, &New.MapBase)
          : reserveAligned(New.MapSize, HugePageSize,
                           Span.MapBase % HugePageSize, &New.MapBase);
  if (Error)
    return false;
  New.CommitBase = New.MapBase + (Span.CommitBase - Span.MapBase);
  uptr Moved;
  if (Backends::movePages(Span.CommitBase, New.CommitBase, Span.CommitSize,
                          Span.Backed, &Moved) == 0) {
    Span.unmapAround(Span.CommitBase, Span.commitEnd());
    Span = New;
    return true;
  }
  New.unmap();
  if (Moved) { // Half a block is none.
    Pages.forget(Span.CommitSize, Span.Backed);
    Span.unmapAround(Span.CommitBase, Span.CommitBase + Moved);
    Span.CommitBase = 0;
  }
  return false;
}

// A program may free a block in which it has made pages inaccessible. Upstream
// would not see those above its limit again, and so would not crash on them.
// (Where nothing is to be changed mprotect() takes 0.4 us.)
bool KeptBlock::unprotect() {
  if (!IsProtected && !IsLarge && !Span.Backed.Holds.Tag)
    return true;
  IsProtected = false;
  return commitReserved(Span.CommitBase, Span.CommitSize) == 0;
}

// Programs write the front of a block: what is cut off is what is least likely
// to be resident.
bool KeptBlock::cut(uptr Size, Backends &Pages, KeptBlock *Rest) {
  const uptr PageSize = scudo::getPageSizeCached();
  const uptr End = Span.CommitBase + Size;
  const uptr MapEnd = Span.MapBase + Span.MapSize;
  if (!IsProtected && protectMemory(End, 2 * PageSize) != 0)
    return false;
  *Rest = *this;
  Rest->Span.MapBase = End + PageSize;
  Rest->Span.MapSize = MapEnd - Rest->Span.MapBase;
  Rest->Span.CommitBase = End + 2 * PageSize;
  Rest->Span.CommitSize = Span.commitEnd() - Rest->Span.CommitBase;
  Pages.split(Span.CommitSize, Size, 2 * PageSize, &Rest->Span.Backed,
              &Span.Backed);
  Span.MapSize = End + PageSize - Span.MapBase;
  Span.CommitSize = Size;
  Span.WrittenBytes = scudo::Min(Span.WrittenBytes, Size);
  Rest->Span.WrittenBytes -= Span.WrittenBytes;
  Span.IsPart = Rest->Span.IsPart = true;
  return true;
}

bool KeptBlock::moveOut(uptr To, uptr Size, uptr LeastRest, Backends &Pages,
                        u32 *Mappings) {
  const uptr PageSize = scudo::getPageSizeCached();
  const uptr From = Span.commitEnd() - Size;
  if (commitReserved(From, Size) != 0) {
    drop(Pages);
    return false;
  }
  uptr Moved;
  if (moveMemory(From, To, Size, 0, Size, &Moved, Mappings) != 0) {
    // Nothing of what it held may stay where a block is to be made.
    if (Moved && mapAnonymousOver(To, Moved) != 0)
      scudo::reportOutOfMemory(Moved);
    Pages.forget(Span.CommitSize, Span.Backed);
    Span.unmapAround(From, From + Moved);
    Span.CommitBase = 0;
    return false;
  }
  const uptr Left = Span.CommitSize - Size;
  const uptr Guard = From - PageSize; // Its last page becomes that.
  if (Left < LeastRest + PageSize ||
      (!IsProtected && protectMemory(Guard, PageSize) != 0)) {
    Pages.forget(Span.CommitSize, Span.Backed);
    Span.unmapAround(From, From + Size);
    Span.CommitBase = 0;
    return true;
  }
  const uptr MapEnd = Span.MapBase + Span.MapSize;
  unmapMemory(From + Size, MapEnd - From - Size);
  Span.MapSize = From - Span.MapBase;
  Span.CommitSize = Left - PageSize;
  Pages.noteShortened(Span.CommitSize, *Mappings, &Span.Backed);
  Span.IsPart = true;
  return true;
}

} // namespace refpage
