// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/tag_map.h"

#include "platform/mapping.h"
#include "platform/memory_tag.h"

#include <string.h>

namespace refpage {
namespace {

constexpr uptr TagMask = NumTags - 1;
constexpr u32 AllTags = (1U << NumTags) - 1;

} // namespace

uptr TagMap::Block::getEnd() const { return EndAndTag & ~TagMask; }
u8 TagMap::Block::getTag() const { return EndAndTag & TagMask; }

// The highest block that begins at Base or below it: the first one in the
// array.
u32 TagMap::find(uptr Base) const {
  u32 First = 0;
  for (u32 Length = Count; Length;) {
    const u32 Half = Length / 2;
    if (Blocks[First + Half].Base > Base) {
      First += Half + 1;
      Length -= Half + 1;
    } else {
      Length = Half;
    }
  }
  return First;
}

u32 TagMap::getNeighbours(uptr Base, uptr End, uptr Except) const {
  u32 Mask = 0;
  const u32 Lower = find(Base);
  if (Lower != 0 && Blocks[Lower - 1].Base == End && End != Except)
    Mask |= 1U << Blocks[Lower - 1].getTag();
  if (Lower != Count && Blocks[Lower].getEnd() == Base &&
      Blocks[Lower].Base != Except)
    Mask |= 1U << Blocks[Lower].getTag();
  return Mask;
}

// Tags of pointers that may still be about, the last first, besides those in
// Mask; as long as so many are left to choose from.
u32 TagMap::addFormer(uptr Base, uptr End, u32 Mask, u32 LeastChoice) const {
  for (u32 Ago = 1; Ago <= MostFreed; Ago++) {
    const Block &B = Freed[(FreedPos - Ago) % MostFreed];
    if (B.Base >= End || Base >= B.getEnd())
      continue;
    const u32 More = Mask | 1U << B.getTag();
    if (NumTags - static_cast<u32>(__builtin_popcount(More & AllTags)) <
        LeastChoice)
      break;
    Mask = More;
  }
  return Mask;
}

void TagMap::insert(uptr Base, uptr End, u8 Tag) {
  constexpr uptr Size = MostBlocks * sizeof(Block);
  if (!Blocks) {
    uptr Memory;
    if (reserveMemory(Size, &Memory) != 0)
      return;
    if (commitReserved(Memory, Size) != 0) {
      unmapMemory(Memory, Size);
      return;
    }
    Blocks = reinterpret_cast<Block *>(Memory);
  }
  if (Count == MostBlocks)
    return;
  const u32 Place = find(Base);
  memmove(Blocks + Place + 1, Blocks + Place, (Count - Place) * sizeof(Block));
  Blocks[Place] = {Base, End | Tag};
  Count++;
}

u8 TagMap::choose(uptr Base, uptr End, u32 Exclude) {
  scudo::ScopedLock L(Mutex);
  // Something must be left to chance, too.
  constexpr u32 LeastChoice = 8;
  const u8 Tag = chooseTag(
      addFormer(Base, End, Exclude | getNeighbours(Base, End, /*Except=*/0),
                LeastChoice));
  insert(Base, End, Tag);
  return Tag;
}

bool TagMap::claim(uptr Base, uptr End, u8 Tag, uptr OldBase) {
  scudo::ScopedLock L(Mutex);
  if (addFormer(Base, End, getNeighbours(Base, End, OldBase), 0) & 1U << Tag)
    return false;
  insert(Base, End, Tag);
  return true;
}

void TagMap::release(uptr Base) {
  scudo::ScopedLock L(Mutex);
  const u32 Place = find(Base);
  if (Place == Count || Blocks[Place].Base != Base)
    return;
  Freed[FreedPos++ % MostFreed] = Blocks[Place];
  Count--;
  memmove(Blocks + Place, Blocks + Place + 1, (Count - Place) * sizeof(Block));
}

void TagMap::unmapTestOnly() {
  scudo::ScopedLock L(Mutex);
  if (Blocks)
    unmapMemory(reinterpret_cast<uptr>(Blocks), MostBlocks * sizeof(Block));
  Blocks = nullptr;
  Count = 0;
}

} // namespace refpage
