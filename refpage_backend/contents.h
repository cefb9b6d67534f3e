// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a clean page holds.

#ifndef REFPAGE_BACKEND_CONTENTS_H_
#define REFPAGE_BACKEND_CONTENTS_H_

#include "platform/mapping.h"

namespace refpage {

// An 8-byte pattern repeated (the first byte of the pattern, in memory order,
// at every address that is a multiple of 8) and a memory tag (1-15; 0: memory
// is not tagged). Pattern 0 with tag 0 is what the kernel's zero page holds:
// plain anonymous memory.
struct Contents {
  u64 Pattern = 0;
  u8 Tag = 0;

  constexpr bool isZero() const { return Pattern == 0 && Tag == 0; }
  // How memory has to be mapped to hold it.
  constexpr MemoryTags getTags() const {
    return Tag ? MemoryTags::Allowed : MemoryTags::None;
  }
  constexpr bool operator==(const Contents &Other) const {
    return Pattern == Other.Pattern && Tag == Other.Tag;
  }
};

// The pattern that is one byte over and over.
constexpr u64 repeatByte(u8 Byte) { return Byte * 0x0101010101010101ULL; }

} // namespace refpage

#endif // REFPAGE_BACKEND_CONTENTS_H_
