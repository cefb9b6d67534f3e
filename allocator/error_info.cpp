// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The entry points of Scudo's interface for those who report crashes
// (scudo/interface.h), in the process or out of it.
//
// Upstream's answer is right where a block's record has the tag of its pointers
// (AllocationRecords::tagLast()) and the fault lies out of its bounds or after
// its release. It knows no other kinds of fault; they are reported last, as
// UNKNOWN: with the block that the address belongs to, or did last.

#include "allocator/allocation_records.h"
#include "allocator/malloc_entry.h"
#include "platform/memory_tag.h"

#include "scudo/interface.h"
#include "stack_depot.h"

namespace refpage {
namespace {

using Heap = decltype(TheHeap);

constexpr size_t MaxReports =
    sizeof(scudo_error_info::reports) / sizeof(scudo_error_info::reports[0]);

bool isInside(uptr Address, uptr Base, uptr Size) {
  return Address >= Base && Address - Base < Size;
}

// Whatever upstream finds wrong with a live block it calls an overflow, if it
// is not in front of it.
void moveUnknownBack(uptr Fault, scudo_error_info *Info) {
  scudo_error_info Sorted = {};
  size_t Count = 0;
  for (u32 Pass = 0; Pass != 2; Pass++) {
    const bool IsUnknown = Pass == 1;
    for (const scudo_error_report &R : Info->reports) {
      const bool Is =
          R.error_type == UNKNOWN ||
          (R.error_type == BUFFER_OVERFLOW &&
           isInside(Fault, R.allocation_address, R.allocation_size));
      if (Is != IsUnknown)
        continue;
      Sorted.reports[Count] = R;
      if (IsUnknown)
        Sorted.reports[Count].error_type = UNKNOWN;
      Count++;
    }
  }
  *Info = Sorted;
}

// The last that was done with the address, as far as is recorded. Small blocks
// are recorded when they are freed, but not when they are used again.
const AllocationRecords::Record *findOwner(const AllocationRecords &Records,
                                           uptr Fault) {
  for (uptr Age = 1; Age <= Records.count(); Age++) {
    const AllocationRecords::Record *R = Records.get(Age);
    const uptr Base = untag(scudo::atomic_load_relaxed(&R->Ptr));
    const uptr Size = scudo::atomic_load_relaxed(&R->Size);
    if (Base && isInside(Fault, Base, Size) &&
        !Heap::PrimaryT::canAllocate(Size))
      return R;
  }
  return nullptr;
}

void addOwner(uptr Fault, const scudo::StackDepot &Depot,
              const AllocationRecords &Records, scudo_error_info *Info) {
  scudo_error_report *Free = nullptr;
  for (size_t I = MaxReports; I-- && Info->reports[I].allocation_address == 0;)
    Free = &Info->reports[I];
  const AllocationRecords::Record *R =
      Free ? findOwner(Records, Fault) : nullptr;
  if (!R)
    return;
  const uptr Base = untag(scudo::atomic_load_relaxed(&R->Ptr));
  for (const scudo_error_report &Other : Info->reports)
    if (Other.allocation_address == Base)
      return;
  Free->allocation_address = Base;
  Free->allocation_size = scudo::atomic_load_relaxed(&R->Size);
  Free->allocation_tid = scudo::atomic_load_relaxed(&R->AllocationTid);
  Free->deallocation_tid = scudo::atomic_load_relaxed(&R->DeallocationTid);
  Heap::collectTraceMaybe(&Depot, Free->allocation_trace,
                          scudo::atomic_load_relaxed(&R->AllocationTrace));
  if (Free->deallocation_tid)
    Heap::collectTraceMaybe(&Depot, Free->deallocation_trace,
                            scudo::atomic_load_relaxed(&R->DeallocationTrace));
}

} // namespace
} // namespace refpage

using namespace refpage;

extern "C" {

INTERFACE void __scudo_get_error_info(
    struct scudo_error_info *ErrorInfo, uintptr_t FaultAddr,
    const char *StackDepot, size_t StackDepotSize, const char *RegionInfo,
    const char *RingBuffer, size_t RingBufferSize, const char *Memory,
    const char *MemoryTags, uintptr_t MemoryAddr, size_t MemorySize) {
  Heap::getErrorInfo(ErrorInfo, FaultAddr, StackDepot, StackDepotSize,
                     RegionInfo, RingBuffer, RingBufferSize, Memory, MemoryTags,
                     MemoryAddr, MemorySize);
  // What upstream takes for whole.
  const auto *Depot = reinterpret_cast<const scudo::StackDepot *>(StackDepot);
  if (!mayHaveMemoryTags() || !Depot ||
      StackDepotSize < sizeof(scudo::StackDepot) ||
      !Depot->isValid(StackDepotSize))
    return;
  const uptr Fault = untag(FaultAddr);
  moveUnknownBack(Fault, ErrorInfo);
  addOwner(Fault, *Depot, AllocationRecords(RingBuffer, RingBufferSize),
           ErrorInfo);
}

INTERFACE const char *__scudo_get_stack_depot_addr(void) {
  return TheHeap.getStackDepotAddress();
}
INTERFACE size_t __scudo_get_stack_depot_size(void) {
  return TheHeap.getStackDepotSize();
}

INTERFACE const char *__scudo_get_region_info_addr(void) {
  return TheHeap.getRegionInfoArrayAddress();
}
INTERFACE size_t __scudo_get_region_info_size(void) {
  return Heap::getRegionInfoArraySize();
}

INTERFACE const char *__scudo_get_ring_buffer_addr(void) {
  return TheHeap.getRingBufferAddress();
}
INTERFACE size_t __scudo_get_ring_buffer_size(void) {
  return TheHeap.getRingBufferSize();
}

} // extern "C"
