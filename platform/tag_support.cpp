// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/tag_support.h"

#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "platform/sealed_memfd.h"

#include "atomic_helpers.h"

namespace refpage {
namespace {

constexpr u8 ProbeTag = 5;

// Yes if that could not be tried now: each window is looked at when it is made.
bool doFilesShowTags() {
  const uptr PageSize = scudo::getPageSizeCached();
  MemfdInMaking Memfd;
  if (Memfd.create("scudo:refpage", PageSize) != 0)
    return true;
  return Memfd.tag(PageSize, ProbeTag) == 0 && Memfd.seal() == 0 &&
         Memfd.showsTag(0, ProbeTag);
}

} // namespace

TagSupport probeTagSupport() {
  TagSupport Found;
  const uptr PageSize = scudo::getPageSizeCached();
  uptr From;
  if (!hasMemoryTags() || reserveMemory(2 * PageSize, &From) != 0)
    return Found;
  const uptr To = From + PageSize;
  if (commitReserved(From, PageSize, MemoryTags::Allowed) == 0) {
    storeTags(From, PageSize, ProbeTag);
    Found.Memory = loadTag(From) == ProbeTag;
  }
  uptr Moved;
  u32 Mappings;
  if (Found.Memory &&
      moveMemory(From, To, PageSize, 0, PageSize, &Moved, &Mappings) == 0) {
    Found.Moves = loadTag(To) == ProbeTag;
    unmapMemory(To, PageSize);
  } else {
    unmapMemory(From, 2 * PageSize);
  }
  Found.Files = Found.Memory && doFilesShowTags();
  return Found;
}

TagSupport getTagSupport() {
  enum : u8 { Memory = 1, Files = 2, Moves = 4, IsKnown = 8 };
  static scudo::atomic_u8 Known = {};
  u8 Bits = scudo::atomic_load_relaxed(&Known);
  if (!Bits) {
    const TagSupport Found = probeTagSupport();
    Bits =
        static_cast<u8>(IsKnown | (Found.Memory ? Memory : 0) |
                        (Found.Files ? Files : 0) | (Found.Moves ? Moves : 0));
    scudo::atomic_store_relaxed(&Known, Bits);
  }
  return {(Bits & Memory) != 0, (Bits & Files) != 0, (Bits & Moves) != 0};
}

} // namespace refpage
