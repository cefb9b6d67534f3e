// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory tags (Arm MTE): 4 bits for each granule of 16 bytes of memory that was
// mapped for it (MemoryTags::Allowed), compared at each access with bits 56 to
// 59 of the address. Elsewhere there are none: hasMemoryTags() is false, and
// nothing else of this may be called but what says so.

#ifndef REFPAGE_PLATFORM_MEMORY_TAG_H_
#define REFPAGE_PLATFORM_MEMORY_TAG_H_

#include "platform/types.h"

#include "memtag.h"

namespace refpage {

// Whether memory tags can be had from this build at all. Scudo's own headers
// have them for clang alone.
constexpr bool mayHaveMemoryTags() {
  return scudo::archSupportsMemoryTagging();
}

// Whether the processor and the kernel have them. Anywhere.
bool hasMemoryTags();

constexpr uptr TagGranule = 16;
constexpr u32 NumTags = 16;

// The address without its top byte, and with a tag in it. Anywhere.
constexpr uptr TagShift = 56;
constexpr uptr untag(uptr Address) {
  return mayHaveMemoryTags() ? Address & ((1UL << TagShift) - 1) : Address;
}
constexpr uptr withTag(uptr Untagged, u8 Tag) {
  return Untagged | static_cast<uptr>(Tag) << TagShift;
}
constexpr u8 tagOf(uptr Address) {
  return mayHaveMemoryTags() ? (Address >> TagShift) & (NumTags - 1) : 0;
}

// What becomes of an access whose tag is wrong. Async: a signal at the next
// entry into the kernel, when a wrong store has already changed memory.
enum class TagChecks : u8 { Off, Async, Sync };

// The mode of the calling thread, which threads that it creates from then on
// and children inherit; exec() ends it. Returns 0 or an errno (EINVAL: the
// kernel has no tags). Anywhere.
int setTagChecks(TagChecks Mode);
// Off also where there are no tags. Anywhere.
TagChecks getTagChecks();

// The tag of the granule at Address, a multiple of 16. 0 in memory that was not
// mapped for tags.
u8 loadTag(uptr Address);

// A random tag that is not in the mask (bit N: tag N); 0 if all are.
u8 chooseTag(u32 ExcludeMask);

// Ways to store tags; the contents of memory stay in all of them.
enum class TagLoop : u8 {
  Best,  // DcGva where the machine allows it, else St2g.
  Stg,   // A granule an instruction.
  St2g,  // Two.
  DcGva, // A block of getTagBlockSize() an instruction.
};

// Bytes that DC GVA tags at a time; 0 if it may not be used here.
uptr getTagBlockSize();

// Tags [Base, Base + Size), multiples of 16 bytes without a tag in Base, which
// are writable and mapped for tags. Each page is written to by it: a clean page
// is copied.
void storeTags(uptr Base, uptr Size, u8 Tag, TagLoop Loop = TagLoop::Best);

// The same for a small range, of which granules that have the tag already are
// left alone: a clean page stays clean.
void storeTagsUnlessHeld(uptr Base, uptr Size, u8 Tag);

// Turns tag checks off for the calling thread while it exists: for code that
// works on memory of any tag by addresses without one. The kernel keeps that
// across signals: handlers run with checks. Anywhere; costs nothing where there
// are no tags.
class ScopedUncheckedAccess {
public:
#if defined(__aarch64__)
  ScopedUncheckedAccess();
  ~ScopedUncheckedAccess();
#else
  ScopedUncheckedAccess() {}
  ~ScopedUncheckedAccess() {}
#endif
  ScopedUncheckedAccess(const ScopedUncheckedAccess &) = delete;
  void operator=(const ScopedUncheckedAccess &) = delete;

#if defined(__aarch64__)
private:
  const bool IsActive;
  uptr Previous = 0;
#endif
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_MEMORY_TAG_H_
