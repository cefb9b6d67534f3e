// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scudo's allocator, in which every block reads as the pattern that the options
// ask for, and large blocks have memory tags where small ones have.
//
// Upstream's Primary can fill with one byte only (PatternFillByte), and not at
// all where it tags, and so does an in-place realloc() that shrinks. With any
// other pattern, and with tags, the blocks that those filled are filled again
// here; otherwise nothing is added.
//
// Upstream returns and expects the addresses of large blocks without a tag. The
// program's have the one that the Secondary gave to the memory.

#ifndef REFPAGE_ALLOCATOR_PATTERN_ALLOCATOR_H_
#define REFPAGE_ALLOCATOR_PATTERN_ALLOCATOR_H_

#include "allocator/allocation_records.h"
#include "allocator/move_request.h"
#include "allocator/options.h"
#include "allocator/tagging.h"
#include "allocator/uninit_reads.h"
#include "refpage_backend/pattern_fill.h"

#include "allocator_config.h"
#include "atomic_helpers.h"

namespace refpage {

template <class Config, void (*PostInitCallback)(void)>
class PatternAllocator : public scudo::Allocator<Config, PostInitCallback> {
  using Base = scudo::Allocator<Config, PostInitCallback>;
  using SecondaryT = typename Base::SecondaryT;

public:
  // Once the allocator works, before it is used: sets the fill that the variant
  // stands for, and starts memory tags, as far as Tags asks for them. What
  // SCUDO_OPTIONS asks for by itself stays in force.
  void applyOptions(TagRequest Tags) {
    const Options &Asked = getOptions();
    HasTags = startTagging(Tags);
    scudo::atomic_store_relaxed(&IsTagging, static_cast<u8>(HasTags));
    if (!HasTags)
      Base::disableMemoryTagging();
    FillPattern = Asked.pattern.Value;
    if (scudo::getFlags()->zero_contents) {
      noteFill(scudo::ZeroFill);
    } else if (Asked.variant == Variant::Anon) {
      noteFill(scudo::NoFill);
    } else {
      Base::setFillContents(scudo::PatternOrZeroFill);
      noteFill(scudo::PatternOrZeroFill);
    }
  }

  // What blocks read as that are made from now on, and what blocks grow by:
  // zeros, the pattern, or anything. At any time, also while other threads
  // allocate: what they are about to get is either. In the variant anon the
  // pattern is for small blocks only, and is upstream's.
  void setFillContents(scudo::FillContentsMode Mode) {
    Base::initThreadMaybe(); // Which applies the options, if nobody has.
    Base::setFillContents(Mode);
    scudo::atomic_store_relaxed(&WasSwitched, u8(true));
    noteFill(Mode == scudo::PatternOrZeroFill &&
                     getOptions().variant == Variant::Anon
                 ? scudo::NoFill
                 : Mode);
  }

  void *allocate(uptr Size, scudo::Chunk::Origin Origin,
                 uptr Alignment = 1U << SCUDO_MIN_ALIGNMENT_LOG,
                 bool ZeroContents = false) {
    void *Ptr = Base::allocate(Size, Origin, Alignment, ZeroContents);
    if (UNLIKELY(isOn(HasExtras)) && Ptr) {
      Ptr = addTag(Ptr);
      if (isOn(MustRefill) && !ZeroContents)
        refill(Ptr, 0, Size, Alignment);
    }
    return Ptr;
  }

  // Small blocks are to pay as little as possible for what large ones need.
  ALWAYS_INLINE void *reallocate(void *OldPtr, uptr NewSize,
                                 uptr Alignment = 1U
                                                  << SCUDO_MIN_ALIGNMENT_LOG) {
    if (LIKELY(NewSize < MinLargeSize && !isOn(HasExtras)))
      return Base::reallocate(OldPtr, NewSize, Alignment);
    return reallocateLarge(OldPtr, NewSize, Alignment);
  }

  void deallocate(void *Ptr, scudo::Chunk::Origin Origin, uptr DeleteSize = 0,
                  uptr Alignment = 1U << SCUDO_MIN_ALIGNMENT_LOG) {
    void *BasePtr = removeTag(Ptr);
    Base::deallocate(BasePtr, Origin, DeleteSize, Alignment);
    recordTag(BasePtr, Ptr, /*IsRelease=*/true);
  }

  uptr getUsableSize(const void *Ptr) {
    return Base::getUsableSize(removeTag(const_cast<void *>(Ptr)));
  }
  uptr getAllocSize(const void *Ptr) {
    return Base::getAllocSize(removeTag(const_cast<void *>(Ptr)));
  }
  bool isOwned(const void *Ptr) {
    return Base::isOwned(removeTag(const_cast<void *>(Ptr)));
  }

  void setTrackAllocationStacks(bool Track) {
    scudo::atomic_store_relaxed(&IsTracking, static_cast<u8>(Track));
    Base::setTrackAllocationStacks(Track);
  }

  // Ends tagging for good. Tag checks must be off in all threads, as upstream
  // asks.
  void disableMemoryTagging() {
    stopTagging();
    scudo::atomic_store_relaxed(&IsTagging, u8(false));
    Base::disableMemoryTagging();
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

  static bool isOn(const scudo::atomic_u8 &Flag) {
    return scudo::atomic_load_relaxed(&Flag) != 0;
  }
  bool isTagging() const { return mayHaveMemoryTags() && isOn(IsTagging); }

  scudo::FillContentsMode getFill() const {
    return static_cast<scudo::FillContentsMode>(
        scudo::atomic_load_relaxed(&Fill));
  }
  bool isFilling() const { return getFill() != scudo::NoFill; }

  void noteFill(scudo::FillContentsMode Mode) {
    // Upstream's Primary can zeros, and one pattern where it does not tag.
    const bool Refills =
        Mode == scudo::PatternOrZeroFill &&
        (HasTags || FillPattern != repeatByte(scudo::PatternFillByte));
    scudo::atomic_store_relaxed(&Fill, static_cast<u8>(Mode));
    scudo::atomic_store_relaxed(&MustRefill, static_cast<u8>(Refills));
    // What a small block grows by in its place was filled when it was made.
    const bool MayDiffer = isOn(WasSwitched) && Mode != scudo::NoFill;
    scudo::atomic_store_relaxed(
        &HasExtras, static_cast<u8>(Refills || HasTags || MayDiffer ||
                                    TheUninitReads.isOn()));
  }

  // A chunk, by an address as the base class has it, which is owned.
  struct ChunkInfo {
    uptr UserPos; // Without a tag.
    scudo::Chunk::UnpackedHeader Header;

    bool isLarge() const { return Header.ClassId == 0; }
    void *getBlock() const {
      return reinterpret_cast<void *>(
          UserPos - scudo::Chunk::getHeaderSize() -
          (static_cast<uptr>(Header.Offset) << SCUDO_MIN_ALIGNMENT_LOG));
    }
    uptr getBlockEnd() const {
      return isLarge() ? SecondaryT::getBlockEnd(getBlock())
                       : reinterpret_cast<uptr>(getBlock()) +
                             Base::PrimaryT::SizeClassMap::getSizeByClassId(
                                 Header.ClassId);
    }
  };
  static ChunkInfo getChunk(void *Ptr) {
    const uptr Address = reinterpret_cast<uptr>(Ptr);
    const uptr UserPos = untag(Address);
    // As getHeaderTaggedPointer() in combined.h has it.
    const u8 Tag = tagOf(Address) ? 0 : HeaderTag;
    void *HeaderPtr = reinterpret_cast<void *>(withTag(UserPos, Tag));
    const scudo::Chunk::PackedHeader Packed = scudo::atomic_load_relaxed(
        scudo::Chunk::getConstAtomicHeader(HeaderPtr));
    return {UserPos, scudo::bit_cast<scudo::Chunk::UnpackedHeader>(Packed)};
  }

  // Ptr is what the base class has just returned.
  void *addTag(void *Ptr) {
    // Also when tagging has just ended: the block may have a tag.
    if (!mayHaveMemoryTags() || !HasTags ||
        tagOf(reinterpret_cast<uptr>(Ptr)) != 0)
      return Ptr;
    const ChunkInfo Chunk = getChunk(Ptr);
    const u8 Tag = Chunk.isLarge() ? SecondaryT::getTag(Chunk.getBlock()) : 0;
    void *UserPtr = reinterpret_cast<void *>(withTag(Chunk.UserPos, Tag));
    recordTag(Ptr, UserPtr, /*IsRelease=*/false);
    return UserPtr;
  }

  // What the program has, as the base class has it. Large blocks are known by
  // the tag of their chunk header, which in the Primary is 0, or anything once
  // tagging has ended.
  void *removeTag(void *Ptr) {
    const uptr Address = reinterpret_cast<uptr>(Ptr);
    if (!mayHaveMemoryTags() || !HasTags || !Ptr || Address % TagGranule ||
        loadTag(untag(Address) - TagGranule) != HeaderTag)
      return Ptr;
    void *BasePtr = reinterpret_cast<void *>(untag(Address));
    // What else is wrong with it is for the base class to say. A block's first
    // page may have been made inaccessible, so nothing in it is looked at.
    // (Not by isOwned(): free() must not set a thread up.)
    if (isTagging()) {
      const ChunkInfo Chunk = getChunk(BasePtr);
      if (Chunk.isLarge() &&
          Chunk.Header.State == scudo::Chunk::State::Allocated &&
          SecondaryT::getTag(Chunk.getBlock()) != tagOf(Address))
        reportStalePointer(Ptr);
    }
    return BasePtr;
  }

  // A fault like any other use of the pointer; where that is not checked, what
  // upstream says of a pointer that was freed.
  NOINLINE static void reportStalePointer(void *Ptr) {
    static_cast<void>(*static_cast<volatile char *>(Ptr));
    scudo::reportInvalidChunkState(scudo::AllocatorAction::Deallocating, Ptr);
  }

  // Upstream has just recorded, if it records, what was done with BasePtr.
  void recordTag(void *BasePtr, void *UserPtr, bool IsRelease) {
    if (LIKELY(BasePtr == UserPtr || !isOn(IsTracking)))
      return;
    if (const char *Ring = Base::getRingBufferAddress())
      AllocationRecords(Ring, Base::getRingBufferSize())
          .tagLast(reinterpret_cast<uptr>(BasePtr),
                   reinterpret_cast<uptr>(UserPtr), IsRelease);
  }

  // Also for small blocks that are filled here.
  NOINLINE void *reallocateLarge(void *UserPtr, uptr NewSize, uptr Alignment) {
    void *OldPtr = removeTag(UserPtr);
    // What is wrong with a pointer is for the base class to say.
    if (!Base::isOwned(OldPtr))
      return Base::reallocate(OldPtr, NewSize, Alignment);
    if (!TheUninitReads.isOn())
      return reallocateOwned(UserPtr, OldPtr, NewSize, Alignment);
    const ChunkInfo Old = getChunk(OldPtr);
    if (!Old.isLarge())
      return reallocateOwned(UserPtr, OldPtr, NewSize, Alignment);
    UninitReads::Settled Entry;
    TheUninitReads.settle(Old.getBlock(), &Entry);
    void *NewPtr = reallocateOwned(UserPtr, OldPtr, NewSize, Alignment);
    TheUninitReads.endSettled(&Entry, !NewPtr || NewPtr == UserPtr);
    return NewPtr;
  }

  void *reallocateOwned(void *UserPtr, void *OldPtr, uptr NewSize,
                        uptr Alignment) {
    void *NewPtr;
    if (NewSize >= MinMoveSize && NewSize < MaxMoveSize && isMovable(OldPtr) &&
        move(UserPtr, OldPtr, NewSize, Alignment, &NewPtr))
      return NewPtr;
    const uptr OldSize = Base::getUsableSize(OldPtr);
    if (OldPtr != UserPtr || isTagging())
      return reallocateTagged(UserPtr, OldPtr, OldSize, NewSize, Alignment);
    NewPtr = Base::reallocate(OldPtr, NewSize, Alignment);
    // What a block grows by in its place may hold anything: zeros in one that
    // calloc() made.
    if (isFilling() && NewPtr == OldPtr && NewSize > OldSize)
      fillUnlessDisabled(NewPtr, OldSize, NewSize);
    else if (isOn(MustRefill) && NewPtr && NewSize > OldSize)
      refill(NewPtr, OldSize, NewSize, Alignment);
    return NewPtr;
  }

  // Whether the pointer, which is owned, is that of a large block that
  // realloc() may be given, right behind the block's headers: greater
  // alignments shift it.
  bool isMovable(void *Ptr) {
    const scudo::Chunk::UnpackedHeader Header = getChunk(Ptr).Header;
    return Header.ClassId == 0 && Header.Offset == 0 &&
           Header.OriginOrWasZeroed == scudo::Chunk::Origin::Malloc;
  }

  // Whether upstream leaves a block in its place.
  bool fits(void *Ptr, uptr OldSize, uptr NewSize) {
    const ChunkInfo Chunk = getChunk(Ptr);
    // The size may be any: upstream complains of those that are too large.
    return NewSize <= Chunk.getBlockEnd() - Chunk.UserPos &&
           (NewSize > OldSize ||
            OldSize - NewSize < scudo::getPageSizeCached());
  }

  // Where upstream would copy one large block into another: a new block that
  // gets the old one's pages. Returns false where upstream would not copy.
  bool move(void *UserPtr, void *OldPtr, uptr NewSize, uptr Alignment,
            void **NewPtr) {
    const uptr OldSize = Base::getUsableSize(OldPtr);
    if (OldSize < MinMoveSize || fits(OldPtr, OldSize, NewSize))
      return false;
    {
      const uptr Kept = scudo::Min(OldSize, NewSize);
      MoveRequest Request(getChunk(OldPtr).getBlock(), Kept);
      *NewPtr = allocate(NewSize, scudo::Chunk::Origin::Malloc, Alignment);
    }
    if (*NewPtr) {
      Base::deallocate(OldPtr, scudo::Chunk::Origin::Malloc);
      recordTag(OldPtr, UserPtr, /*IsRelease=*/true);
    }
    return true;
  }

  // As upstream does it, but with the tags of both blocks. OldPtr is the base
  // class's.
  void *reallocateTagged(void *UserPtr, void *OldPtr, uptr OldSize,
                         uptr NewSize, uptr Alignment) {
    constexpr auto Malloc = scudo::Chunk::Origin::Malloc;
    const bool Complains = scudo::getFlags()->dealloc_type_mismatch &&
                           getChunk(OldPtr).Header.OriginOrWasZeroed != Malloc;
    if (Complains || fits(OldPtr, OldSize, NewSize)) {
      {
        // What is cut off is filled by its address.
        ScopedUncheckedAccess Unchecked;
        Base::reallocate(OldPtr, NewSize, Alignment);
      }
      recordTag(OldPtr, UserPtr, /*IsRelease=*/false);
      if (OldPtr != UserPtr)
        retagTail(UserPtr, OldPtr, OldSize, NewSize);
      if (isFilling() && NewSize > OldSize)
        fillUnlessDisabled(UserPtr, OldSize, NewSize);
      return UserPtr;
    }
    void *NewPtr = allocate(NewSize, Malloc, Alignment);
    if (NewPtr) {
      memcpy(NewPtr, UserPtr, scudo::Min(OldSize, NewSize));
      Base::deallocate(OldPtr, Malloc);
      recordTag(OldPtr, UserPtr, /*IsRelease=*/true);
    }
    return NewPtr;
  }

  // A large block has changed its size where it is: what it grew by gets its
  // tag, what it lost another one. What it lost was filled by upstream, or else
  // may be a clean page, which stays one.
  void retagTail(void *UserPtr, void *OldPtr, uptr OldSize, uptr NewSize) {
    const ChunkInfo Chunk = getChunk(OldPtr);
    const u8 Tag = tagOf(reinterpret_cast<uptr>(UserPtr));
    const uptr OldEnd = scudo::roundUp(Chunk.UserPos + OldSize, TagGranule);
    const uptr NewEnd = scudo::roundUp(Chunk.UserPos + NewSize, TagGranule);
    const bool WasFilled = isFilling() && !isMemInitDisabled();
    if (OldEnd < NewEnd)
      storeTagsUnlessHeld(OldEnd, NewEnd - OldEnd, Tag);
    else if (WasFilled)
      storeTags(NewEnd, OldEnd - NewEnd, HeaderTag);
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
    if (!isMemInitDisabled())
      fillUnlessHeld(reinterpret_cast<uptr>(Ptr) + From, To - From,
                     getFill() == scudo::PatternOrZeroFill ? FillPattern : 0);
  }

  bool isMemInitDisabled() {
    return Base::getTSDRegistry()->getDisableMemInit();
  }

  u64 FillPattern = 0;               // The options', whatever Fill is.
  bool HasTags = false;              // There may be blocks with tags.
  scudo::atomic_u8 Fill = {};        // What blocks read as.
  scudo::atomic_u8 MustRefill = {};  // The Primary's do not by themselves.
  scudo::atomic_u8 WasSwitched = {}; // Fill, while the program ran.
  scudo::atomic_u8 HasExtras = {};   // Any of these two, HasTags, uninit.
  scudo::atomic_u8 IsTagging = {};
  scudo::atomic_u8 IsTracking = {}; // Who allocates and frees is recorded.
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_PATTERN_ALLOCATOR_H_
