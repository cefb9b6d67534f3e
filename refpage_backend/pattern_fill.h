// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing a pattern into memory.

#ifndef REFPAGE_BACKEND_PATTERN_FILL_H_
#define REFPAGE_BACKEND_PATTERN_FILL_H_

#include "refpage_backend/contents.h"

#include <string.h>

namespace refpage {

// Fills [Base, Base + Size) so that the pattern's first byte stands at the
// multiples of 8; any alignment, any size.
inline void fillPattern(uptr Base, uptr Size, u64 Pattern) {
  const u8 Byte = static_cast<u8>(Pattern);
  if (Pattern == repeatByte(Byte)) {
    memset(reinterpret_cast<void *>(Base), Byte, Size);
    return;
  }
  const u8 *PatternBytes = reinterpret_cast<const u8 *>(&Pattern);
  const uptr End = Base + Size;
  for (; Base != End && Base % sizeof(u64) != 0; Base++)
    *reinterpret_cast<u8 *>(Base) = PatternBytes[Base % sizeof(u64)];
  for (; End - Base >= sizeof(u64); Base += sizeof(u64))
    *reinterpret_cast<u64 *>(Base) = Pattern;
  for (; Base != End; Base++)
    *reinterpret_cast<u8 *>(Base) = PatternBytes[Base % sizeof(u64)];
}

} // namespace refpage

#endif // REFPAGE_BACKEND_PATTERN_FILL_H_
