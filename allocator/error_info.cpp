// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The entry points of Scudo's interface for those who report crashes
// (scudo/interface.h), in the process or out of it.
//
// Upstream's answer is made from records that may be of blocks long gone. Of
// large blocks, whose records have the tag of their pointers
// (AllocationRecords::tagLast()), what cannot be so is taken out of it. And
// what upstream knows no name for is added, as UNKNOWN behind all that have
// one: to which block the address belongs, or did last.

#include "allocator/allocation_records.h"
#include "allocator/heap.h"
#include "platform/memory_tag.h"

#include "scudo/interface.h"
#include "stack_depot.h"

namespace refpage {
namespace {

constexpr size_t MaxReports =
    sizeof(scudo_error_info::reports) / sizeof(scudo_error_info::reports[0]);

using Record = AllocationRecords::Record;

uptr getBase(const Record &R) {
  return untag(scudo::atomic_load_relaxed(&R.Ptr));
}
bool isAllocation(const Record &R) {
  return scudo::atomic_load_relaxed(&R.DeallocationTid) == 0;
}

bool isInside(uptr Address, uptr Base, uptr Size) {
  return Address >= Base && Address - Base < Size;
}

// Or in a guard page, as far as upstream looks for overflows.
bool isInOrBeside(uptr Address, uptr Base, uptr Size) {
  const uptr PageSize = scudo::getPageSizeCached();
  if (Address < Base)
    return Base - Address <= PageSize;
  return Address - Base < Size || Address - Base - Size < PageSize;
}

// Small blocks are recorded when they are freed, but not when they are used
// again.
bool isLarge(uptr Size) { return !Heap::PrimaryT::canAllocate(Size); }

// What was done last with the block at an address. There are two guard pages
// between any two blocks: if there was one here at the time of this record, no
// older record is of a block that is here now.
const Record *findLast(const AllocationRecords &Records, uptr Address) {
  for (uptr Age = 1; Age <= Records.count(); Age++) {
    const Record *R = Records.get(Age);
    const uptr Base = getBase(*R);
    const uptr Size = scudo::atomic_load_relaxed(&R->Size);
    if (Base && isLarge(Size) && isInOrBeside(Address, Base, Size))
      return R;
  }
  return nullptr;
}

// Whether an overflow or underflow that upstream has found is one.
bool isOutOfBounds(const scudo_error_report &Report, uptr FaultAddr,
                   const Record *Last) {
  const uptr Base = Report.allocation_address;
  const uptr Size = Report.allocation_size;
  return !isLarge(Size) ||
         (Last && isAllocation(*Last) && getBase(*Last) == Base &&
          tagOf(scudo::atomic_load_relaxed(&Last->Ptr)) == tagOf(FaultAddr) &&
          !isInside(untag(FaultAddr), Base, Size));
}

void makeReport(const Record &R, const scudo::StackDepot &Depot,
                scudo_error_report *Report) {
  Report->allocation_address = getBase(R);
  Report->allocation_size = scudo::atomic_load_relaxed(&R.Size);
  Report->allocation_tid = scudo::atomic_load_relaxed(&R.AllocationTid);
  Heap::collectTraceMaybe(&Depot, Report->allocation_trace,
                          scudo::atomic_load_relaxed(&R.AllocationTrace));
  if (isAllocation(R))
    return;
  Report->deallocation_tid = scudo::atomic_load_relaxed(&R.DeallocationTid);
  Heap::collectTraceMaybe(&Depot, Report->deallocation_trace,
                          scudo::atomic_load_relaxed(&R.DeallocationTrace));
}

void refine(uptr FaultAddr, const scudo::StackDepot &Depot,
            const AllocationRecords &Records, scudo_error_info *Info) {
  const uptr Address = untag(FaultAddr);
  const Record *Last = findLast(Records, Address);
  scudo_error_info Refined = {};
  size_t Count = 0;
  bool HasLast = false;
  for (const scudo_error_report &R : Info->reports) {
    if (R.error_type == UNKNOWN ||
        (R.error_type != USE_AFTER_FREE && !isOutOfBounds(R, FaultAddr, Last)))
      continue;
    Refined.reports[Count++] = R;
    HasLast = HasLast || (Last && R.allocation_address == getBase(*Last));
  }
  if (Last && !HasLast && Count != MaxReports &&
      isInside(Address, getBase(*Last),
               scudo::atomic_load_relaxed(&Last->Size)))
    makeReport(*Last, Depot, &Refined.reports[Count]);
  *Info = Refined;
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
  refine(FaultAddr, *Depot, AllocationRecords(RingBuffer, RingBufferSize),
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
