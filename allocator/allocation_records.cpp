// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/allocation_records.h"

namespace refpage {

void AllocationRecords::tagLast(uptr Untagged, uptr Tagged,
                                bool IsRelease) const {
  // It was made just now: what came after it is of other threads.
  constexpr uptr MostSince = 256;
  const uptr Oldest = scudo::Min(Count, MostSince);
  for (uptr Age = 1; Age <= Oldest; Age++) {
    auto *R = const_cast<Record *>(get(Age));
    uptr Found = scudo::atomic_load_relaxed(&R->Ptr);
    if (Found == Untagged &&
        (scudo::atomic_load_relaxed(&R->DeallocationTid) != 0) == IsRelease) {
      scudo::atomic_compare_exchange_strong(&R->Ptr, &Found, Tagged,
                                            scudo::memory_order_relaxed);
      return;
    }
  }
}

} // namespace refpage
