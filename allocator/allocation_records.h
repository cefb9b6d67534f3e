// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scudo's records of who allocated and freed large blocks, and freed small
// ones: a ring, kept while allocation stacks are tracked. Its layout is private
// to combined.h; ErrorInfoTest.TheRecordsAreWhereWeLook fails when it changes.

#ifndef REFPAGE_ALLOCATOR_ALLOCATION_RECORDS_H_
#define REFPAGE_ALLOCATOR_ALLOCATION_RECORDS_H_

#include "platform/types.h"

#include "atomic_helpers.h"
#include "mem_map.h"

namespace refpage {

// Over a buffer that may be a copy of another process's, and may hold anything.
// Thread-safe as upstream's own use of it: a record may be written meanwhile.
class AllocationRecords {
public:
  struct Record {
    scudo::atomic_uptr Ptr; // 0 while it is written.
    scudo::atomic_uptr Size;
    scudo::atomic_u32 AllocationTrace;
    scudo::atomic_u32 AllocationTid;
    scudo::atomic_u32 DeallocationTrace;
    scudo::atomic_u32 DeallocationTid; // 0 in that of an allocation.
  };

  AllocationRecords(const char *Buffer, uptr Size)
      : Ring(reinterpret_cast<const Header *>(Buffer)),
        Count(Buffer && Size > sizeof(Header)
                  ? (Size - sizeof(Header)) / sizeof(Record)
                  : 0) {}

  uptr count() const { return Count; }

  // The Age-th newest, from 1 to count(); one that was never written has a Ptr
  // of 0.
  const Record *get(uptr Age) const {
    return reinterpret_cast<const Record *>(Ring + 1) +
           (scudo::atomic_load_relaxed(&Ring->Pos) - Age) % Count;
  }

  // Upstream records large blocks by their addresses without a tag. Puts the
  // block's tag into the last record of its allocation, or of its release, so
  // that an access by a pointer to another block is not taken for one to this.
  void tagLast(uptr Untagged, uptr Tagged, bool IsRelease) const;

private:
  struct Header {
    void *Depot;
    uptr DepotSize;
    scudo::MemMapT RingMap;
    scudo::MemMapT DepotMap;
    u32 NumRecords;
    scudo::atomic_uptr Pos;
  };

  const Header *const Ring;
  const uptr Count;
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_ALLOCATION_RECORDS_H_
