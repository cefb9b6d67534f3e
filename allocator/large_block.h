// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layout of a large block:
//
//   MapBase                                                MapBase + MapSize
//   | guard | ... CommitBase .......................... end | guard |
//             | unused | Header | chunk header | user memory |
//
// With memory tags: the user memory has the block's tag; what lies before it in
// the committed range has HeaderTag, and so has what lies behind the size that
// was asked for, where its pages are written anyway.
//
// The user memory is pushed against the end of the committed range, so that an
// overflow meets the guard page as soon as alignment lets it. The header is in
// the page of the user memory's start or the one before: an underflow, or a
// stray write, reaches it. So nothing in it is believed before its seal has
// been checked, nor a link of the list before the neighbour's.

#ifndef REFPAGE_ALLOCATOR_LARGE_BLOCK_H_
#define REFPAGE_ALLOCATOR_LARGE_BLOCK_H_

#include "allocator/tagging.h"
#include "platform/mapping.h"
#include "refpage_backend/backing.h"

#include "chunk.h"
#include "report_linux.h"

#include <errno.h>

namespace refpage {

// What UninitReads has to know of a block; all zero: it does not watch it.
struct ReadWatch {
  static constexpr u8 MostEpochs = 31;

  u8 Epoch : 5;
  // A read maps its page alone; for that, fault-around had to be switched off.
  u8 IsExact : 1;
  u8 NeedsSwitch : 1;
};

// Where a large block lies and what backs it; bytes, whole pages.
struct BlockSpan {
  uptr MapBase = 0;
  uptr MapSize = 0;
  uptr CommitBase = 0;
  uptr CommitSize = 0;
  Backing Backed;
  // How often it was handed out again, and how many of its bytes were written
  // in the use before this one.
  u32 Reuses = 0;
  // Whether it is a part of a freed block that was cut: what is written in it
  // says nothing about blocks of its size.
  bool IsPart = false;
  ReadWatch Reads = {};
  u16 ReadSite = 0; // Who allocated it, as UninitReads knows them.
  uptr WrittenBytes = 0;
  // What was written in its views before they were dropped.
  ViewUse Views;

  uptr commitEnd() const { return CommitBase + CommitSize; }

  // Gives the address space back. At the limit of mappings that fails for a
  // range that lies inside one mapping, since the kernel would have to make a
  // mapping more: a reservation whose neighbours are guard pages, of which
  // nothing could be committed. It holds no memory, and stays. Anything else
  // means that the heap is not what we take it for.
  void unmap() const { unmapPart(MapBase, MapBase + MapSize); }

  // The same without [HoleBase, HoleEnd), which is not ours any more.
  void unmapAround(uptr HoleBase, uptr HoleEnd) const {
    unmapPart(MapBase, HoleBase);
    unmapPart(HoleEnd, MapBase + MapSize);
  }

private:
  static void unmapPart(uptr Base, uptr End) {
    const int Error = unmapMemory(Base, End - Base);
    if (Error && Error != ENOMEM) {
      errno = Error; // What the report prints.
      scudo::reportUnmapError(Base, End - Base);
    }
    if (Error)
      discardPages(Base, End - Base);
  }
};

struct alignas(1U << SCUDO_MIN_ALIGNMENT_LOG) LargeHeader {
  // Links of a scudo::DoublyLinkedList. Not sealed, since they change with the
  // neighbours; who follows one sees whether it leads back.
  LargeHeader *Prev;
  LargeHeader *Next;
  // From here to the seal all is sealed.
  BlockSpan Span;
  // What of the committed range was moved to another block (realloc) and is not
  // ours any more.
  uptr MovedBase;
  uptr MovedEnd;
  // A hash of what is sealed and of where it lies, with keys that only this
  // process has. Whoever writes to the header without knowing them, whatever
  // they write, has a chance of 2^-32 that it fits.
  u64 Seal;

  void seal() { Seal = computeSeal(); }
  bool isSealed() const { return Seal == computeSeal(); }
  // The header of a block that is freed says nothing any more.
  void breakSeal() { Seal = ~Seal; }

private:
  u64 computeSeal() const;
};

constexpr uptr LargeHeaderSize = sizeof(LargeHeader);
static_assert(LargeHeaderSize % (1U << SCUDO_MIN_ALIGNMENT_LOG) == 0, "");

// Draws the keys of the seals, once in a process; before any header is sealed.
// Not thread-safe.
void initSealKeys();

// Block is what Scudo's combined allocator calls the block: the address after
// our header, where its own chunk header or its alignment gap begins; with any
// tag. The header is reached through a pointer with its own. For a header that
// is about to be written; others are to be checked, below.
inline LargeHeader *getLargeHeader(const void *Block) {
  const uptr Address = untag(reinterpret_cast<uptr>(Block));
  return reinterpret_cast<LargeHeader *>(withTag(Address, HeaderTag)) - 1;
}

// In the words of upstream's report of a chunk header. Block as above.
void NORETURN reportLargeHeaderCorruption(const void *Block);

// The same, of a block in use; a fatal report if its header was written to.
inline LargeHeader *getCheckedHeader(const void *Block) {
  LargeHeader *H = getLargeHeader(Block);
  if (UNLIKELY(!H->isSealed()))
    reportLargeHeaderCorruption(Block);
  return H;
}

// Where the user memory of a block begins, unless its alignment shifts it.
inline uptr getUserPos(const void *Block) {
  return untag(reinterpret_cast<uptr>(Block)) + scudo::Chunk::getHeaderSize();
}

// A block pushed against the end of a committed range.
struct BlockPlacement {
  uptr HeaderPos;

  // Size and Alignment as the combined allocator asks for them.
  static BlockPlacement atEnd(uptr CommitEnd, uptr Size, uptr Alignment) {
    return before(scudo::roundDown(CommitEnd - Size, Alignment));
  }
  // For user memory that starts at UserPos.
  static BlockPlacement before(uptr UserPos) {
    return {UserPos - scudo::Chunk::getHeaderSize() - LargeHeaderSize};
  }
  uptr block() const { return HeaderPos + LargeHeaderSize; }
  // The first page that the block uses.
  uptr firstPage() const {
    return scudo::roundDown(HeaderPos, scudo::getPageSizeCached());
  }
  uptr userPos() const { return block() + scudo::Chunk::getHeaderSize(); }
  LargeHeader *header() const {
    return getLargeHeader(reinterpret_cast<void *>(block()));
  }
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_LARGE_BLOCK_H_
