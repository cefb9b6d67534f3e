// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tags of large blocks by address, to choose the next one: no two blocks
// side by side have the same, nor has a block that of another which lay there
// before it, as far as is remembered.

#ifndef REFPAGE_ALLOCATOR_TAG_MAP_H_
#define REFPAGE_ALLOCATOR_TAG_MAP_H_

#include "platform/types.h"

#include "mutex.h"
#include "thread_annotations.h"

namespace refpage {

// Thread-safe. Ranges are the whole mappings of blocks, guard pages included:
// those of neighbours touch. An array sorted from high addresses to low, which
// is how the kernel gives them out: most blocks are put in at its end.
// Elsewhere a block moves what is behind it, 16 bytes for each, little against
// its system calls.
class TagMap {
public:
  constexpr TagMap() = default;

  // Chooses a tag for a block in [Base, End), which is not in the mask Exclude,
  // and remembers it until release(Base).
  u8 choose(uptr Base, uptr End, u32 Exclude) EXCLUDES(Mutex);
  // The same with a tag that is given, if no neighbour has it, nor had a block
  // that lay there. The block at OldBase does not count: it moves here.
  bool claim(uptr Base, uptr End, u8 Tag, uptr OldBase = 0) EXCLUDES(Mutex);
  void release(uptr Base) EXCLUDES(Mutex);

  // Around fork().
  void disable() NO_THREAD_SAFETY_ANALYSIS { Mutex.lock(); }
  void enable() NO_THREAD_SAFETY_ANALYSIS { Mutex.unlock(); }

  void unmapTestOnly() EXCLUDES(Mutex);

private:
  struct Block {
    uptr Base;
    uptr EndAndTag; // The end is a multiple of the page size.
    uptr getEnd() const;
    u8 getTag() const;
  };

  // The kernel's default limit on mappings (65530 a process) allows no more
  // blocks, each of which takes two: itself and the guard behind it. Blocks
  // that do not fit in are not remembered, and exclude nothing.
  static constexpr u32 MostBlocks = 32768;
  static constexpr u32 MostFreed = 64;

  u32 find(uptr Base) const REQUIRES(Mutex);
  u32 getNeighbours(uptr Base, uptr End, uptr Except) const REQUIRES(Mutex);
  u32 addFormer(uptr Base, uptr End, u32 Mask, u32 LeastChoice) const
      REQUIRES(Mutex);
  void insert(uptr Base, uptr End, u8 Tag) REQUIRES(Mutex);

  scudo::HybridMutex Mutex;
  Block *Blocks GUARDED_BY(Mutex) = nullptr;
  u32 Count GUARDED_BY(Mutex) = 0;
  // The blocks freed last, in a ring.
  Block Freed[MostFreed] GUARDED_BY(Mutex) = {};
  u32 FreedPos GUARDED_BY(Mutex) = 0;
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_TAG_MAP_H_
