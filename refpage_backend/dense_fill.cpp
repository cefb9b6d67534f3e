// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/dense_fill.h"

#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "refpage_backend/pattern_fill.h"

namespace refpage {
namespace {

// Written while still in the second-level cache from being zeroed or tagged.
constexpr uptr BatchSize = 128UL << 10;

void fillBatch(uptr Base, uptr Size, const Contents &Holds) {
  if (Holds.Tag)
    storeTags(Base, Size, Holds.Tag);
  if (Holds.Pattern)
    fillPattern(Base, Size, Holds.Pattern);
}

} // namespace

void fillFresh(uptr Base, uptr Size, const Contents &Holds) {
  // Without a tag the whole is one memset, as everybody's is.
  if (!Holds.Tag)
    return fillBatch(Base, Size, Holds);
  const uptr End = Base + Size;
  for (uptr Length; Base != End; Base += Length) {
    Length = scudo::Min(BatchSize, End - Base);
    fillBatch(Base, Length, Holds);
  }
}

// Measured on 4 MB: 1.8 ms with a fault a page, 1.5 ms in batches, 0.9 ms with
// huge pages.
void fillDense(uptr Base, uptr Size, const Contents &Holds) {
  const uptr End = Base + Size;
  const uptr FirstHuge = scudo::roundUp(Base, HugePageSize);
  if (FirstHuge + HugePageSize <= End)
    adviseHugePages(FirstHuge, scudo::roundDown(End, HugePageSize) - FirstHuge);
  for (uptr Length; Base != End; Base += Length) {
    Length = scudo::Min(BatchSize, End - Base);
    // If the kernel cannot do it the fill takes the faults.
    populatePages(Base, Length);
    fillBatch(Base, Length, Holds);
  }
}

} // namespace refpage
