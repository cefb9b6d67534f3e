// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scudo's allocator, in which every block reads as the pattern that the options
// ask for.
//
// Upstream's Primary can fill with one byte only (PatternFillByte), and so does
// an in-place realloc() that shrinks. With any other pattern the blocks that
// those filled are filled again here; with the default one nothing is added.

#ifndef REFPAGE_ALLOCATOR_PATTERN_ALLOCATOR_H_
#define REFPAGE_ALLOCATOR_PATTERN_ALLOCATOR_H_

#include "allocator/move_request.h"
#include "allocator/options.h"
#include "refpage_backend/pattern_fill.h"

#include "allocator_config.h"

namespace refpage {

template <class Config, void (*PostInitCallback)(void)>
class PatternAllocator : public scudo::Allocator<Config, PostInitCallback> {
  using Base = scudo::Allocator<Config, PostInitCallback>;

public:
  // Once the allocator works: sets the fill that the variant stands for. What
  // SCUDO_OPTIONS asks for by itself stays in force.
  void applyOptions() {
    const Options &Asked = getOptions();
    if (Asked.variant == Variant::Anon || scudo::getFlags()->zero_contents)
      return;
    Base::setFillContents(scudo::PatternOrZeroFill);
    IsFilling = true;
    RefillPattern = Asked.pattern.Value;
    MustRefill = RefillPattern != repeatByte(scudo::PatternFillByte);
  }

  void *allocate(uptr Size, scudo::Chunk::Origin Origin,
                 uptr Alignment = 1U << SCUDO_MIN_ALIGNMENT_LOG,
                 bool ZeroContents = false) {
    void *Ptr = Base::allocate(Size, Origin, Alignment, ZeroContents);
    if (UNLIKELY(MustRefill) && Ptr && !ZeroContents)
      refill(Ptr, 0, Size, Alignment);
    return Ptr;
  }

  // Small blocks are to pay as little as possible for what large ones need.
  ALWAYS_INLINE void *reallocate(void *OldPtr, uptr NewSize,
                                 uptr Alignment = 1U
                                                  << SCUDO_MIN_ALIGNMENT_LOG) {
    if (LIKELY(NewSize < MinLargeSize && !MustRefill))
      return Base::reallocate(OldPtr, NewSize, Alignment);
    return reallocateLarge(OldPtr, NewSize, Alignment);
  }

private:
  // All that the Secondary serves is of this size or more, but for aligned
  // blocks.
  static constexpr uptr MinLargeSize = 64UL << 10;
  // Smaller blocks are copied faster than their mappings are moved, which takes
  // some 10 us. Far above what the Primary serves.
  static constexpr uptr MinMoveSize = 256UL << 10;
  // Sizes above are for the base class to complain about.
  static constexpr uptr MaxMoveSize = 1UL << 40;

  // Also for small blocks that are filled here.
  NOINLINE void *reallocateLarge(void *OldPtr, uptr NewSize, uptr Alignment) {
    // What is wrong with a pointer is for the base class to say.
    if (!Base::isOwned(OldPtr))
      return Base::reallocate(OldPtr, NewSize, Alignment);
    void *NewPtr;
    if (NewSize >= MinMoveSize && NewSize < MaxMoveSize && isMovable(OldPtr) &&
        move(OldPtr, NewSize, Alignment, &NewPtr))
      return NewPtr;
    const uptr OldSize = Base::getUsableSize(OldPtr);
    NewPtr = Base::reallocate(OldPtr, NewSize, Alignment);
    // What a block grows by in its place may hold anything: zeros in one that
    // calloc() made.
    if (IsFilling && NewPtr == OldPtr && NewSize > OldSize)
      fillUnlessDisabled(NewPtr, OldSize, NewSize);
    else if (MustRefill && NewPtr && NewSize > OldSize)
      refill(NewPtr, OldSize, NewSize, Alignment);
    return NewPtr;
  }

  // Whether the pointer, which isOwned(), is that of a large block that
  // realloc() may be given, right behind the block's headers: greater
  // alignments shift it.
  bool isMovable(void *Ptr) {
    const scudo::Chunk::PackedHeader Packed =
        scudo::atomic_load_relaxed(scudo::Chunk::getConstAtomicHeader(Ptr));
    const auto Header = scudo::bit_cast<scudo::Chunk::UnpackedHeader>(Packed);
    return Header.ClassId == 0 && Header.Offset == 0 &&
           Header.OriginOrWasZeroed == scudo::Chunk::Origin::Malloc;
  }

  // Where upstream would copy one large block into another: a new block that
  // gets the old one's pages. Returns false where upstream would not copy.
  bool move(void *OldPtr, uptr NewSize, uptr Alignment, void **NewPtr) {
    const uptr Old = reinterpret_cast<uptr>(OldPtr);
    void *Block = reinterpret_cast<void *>(Old - scudo::Chunk::getHeaderSize());
    const uptr OldSize = Base::getUsableSize(OldPtr);
    const bool Fits = Old + NewSize <= Base::SecondaryT::getBlockEnd(Block);
    if (OldSize < MinMoveSize ||
        (Fits &&
         (NewSize > OldSize || OldSize - NewSize < scudo::getPageSizeCached())))
      return false;
    {
      const uptr Kept = scudo::Min(OldSize, NewSize);
      MoveRequest Request(Block, Kept);
      *NewPtr =
          Base::allocate(NewSize, scudo::Chunk::Origin::Malloc, Alignment);
    }
    if (*NewPtr)
      Base::deallocate(OldPtr, scudo::Chunk::Origin::Malloc);
    return true;
  }

  // Fills a new block from From to To if the Primary made it.
  void refill(void *Ptr, uptr From, uptr To, uptr Alignment) {
    // As allocate() in combined.h counts it.
    constexpr uptr MinAlignment = 1U << SCUDO_MIN_ALIGNMENT_LOG;
    const uptr Needed =
        scudo::roundUp(To, MinAlignment) +
        (Alignment > MinAlignment ? Alignment : scudo::Chunk::getHeaderSize());
    if (Base::PrimaryT::canAllocate(Needed))
      fillUnlessDisabled(Ptr, From, To);
  }

  void fillUnlessDisabled(void *Ptr, uptr From, uptr To) {
    if (!Base::getTSDRegistry()->getDisableMemInit())
      fillUnlessHeld(reinterpret_cast<uptr>(Ptr) + From, To - From,
                     RefillPattern);
  }

  u64 RefillPattern = 0;
  bool IsFilling = false;  // Blocks read as RefillPattern.
  bool MustRefill = false; // The Primary's do not by themselves.
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_PATTERN_ALLOCATOR_H_
