// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The entry points of libscudo_refpage_bionic.a that are not upstream's as they
// are (bionic_wrappers.cpp). Upstream's own have bionic's meanings only where
// they are compiled for bionic; these have them anywhere.

#include "allocator/density_trace.h"
#include "allocator/exit_stats.h"
#include "allocator/heap.h"
#include "allocator/heap_info.h"
#include "allocator/heap_tagging.h"
#include "allocator/scudo_refpage_bionic.h"
#include "platform/mapping_name.h"

#include "scudo/interface.h"

using refpage::TheHeap;

// Upstream's, in bionic_wrappers.cpp.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" void scudo_malloc_postinit();

namespace {

// Whether there are memory tags is for the C library to decide, which has done
// so before the heap starts; unless the options ask for them.
refpage::TagRequest getTagRequest() {
  using refpage::TagRequest;
  const TagRequest Asked = refpage::getOptions().tag;
  const bool IsLibcWithout = refpage::getTagChecks() == refpage::TagChecks::Off;
  return Asked == TagRequest::Auto && IsLibcWithout ? TagRequest::Off : Asked;
}

// The configuration says how long the longest interval is.
bool setDecayTime(int Value) {
  constexpr int Never = -1;
  constexpr int AtOnce = 0;
  constexpr int Longest = 1;
  if (Value != Never && Value != AtOnce && Value != Longest)
    return false;
  // What was freed under another interval is not left to it.
  TheHeap.releaseToOS(scudo::ReleaseToOS::Force);
  return TheHeap.setOption(scudo::Option::ReleaseInterval,
                           Value == Longest ? INT32_MAX : Value);
}

bool setIfNotNegative(scudo::Option Which, int Value) {
  return Value >= 0 && TheHeap.setOption(Which, Value);
}

bool setIfBinary(scudo::Option Which, int Value) {
  return (Value == 0 || Value == 1) && TheHeap.setOption(Which, Value);
}

} // namespace

// Runs at the first allocation, once, when the heap works.
extern "C" void refpage_heap_ready() {
  // The name by which Android's tools know memory of large blocks.
  refpage::setMappingName("scudo:secondary");
  TheHeap.applyOptions(getTagRequest());
  refpage::initExitStats();
  refpage::initDensityTrace();
  scudo_malloc_postinit(); // Registers the fork handlers.
}

extern "C" {

INTERFACE void *scudo_memalign(size_t Alignment, size_t Size) {
  return refpage::allocateRoundingUp(Alignment, Size);
}

INTERFACE void *scudo_reallocarray(void *Ptr, size_t Count, size_t Size) {
  return refpage::reallocateArray(Ptr, Count, Size);
}

INTERFACE scudo_mallinfo_t scudo_mallinfo() {
  return refpage::getMallinfo<scudo_mallinfo_t>();
}

#if !defined(__BIONIC__)
INTERFACE scudo_mallinfo_t scudo_mallinfo2() { return scudo_mallinfo(); }
#endif

INTERFACE int scudo_malloc_info(int Options, FILE *Stream) {
  return refpage::writeHeapInfo(Options, Stream);
}

INTERFACE int scudo_mallopt(int Parameter, int Value) {
  using scudo::Option;
  switch (Parameter) {
  case M_DECAY_TIME:
    return setDecayTime(Value);
  case M_PURGE:
    TheHeap.releaseToOS(scudo::ReleaseToOS::Force);
    return 1;
  case M_PURGE_ALL:
    TheHeap.releaseToOS(scudo::ReleaseToOS::ForceAll);
    return 1;
  case M_MEMTAG_TUNING:
    return setIfBinary(Option::MemtagTuning, Value);
  case M_THREAD_DISABLE_MEM_INIT:
    return setIfBinary(Option::ThreadDisableMemInit, Value);
  case M_CACHE_COUNT_MAX:
    return setIfNotNegative(Option::MaxCacheEntriesCount, Value);
  case M_CACHE_SIZE_MAX:
    return setIfNotNegative(Option::MaxCacheEntrySize, Value);
  case M_TSDS_COUNT_MAX:
    return setIfNotNegative(Option::MaxTSDsCount, Value);
  case M_BIONIC_ZERO_INIT:
    TheHeap.setFillContents(Value ? scudo::ZeroFill : scudo::NoFill);
    return 1;
  case M_BIONIC_SET_HEAP_TAGGING_LEVEL:
    return refpage::setHeapTaggingLevel(Value);
  case M_LOG_STATS:
    TheHeap.printStats();
    TheHeap.printFragmentationInfo();
    return 1;
  default:
    return 0;
  }
}

INTERFACE void __scudo_print_stats() { TheHeap.printStats(); }

} // extern "C"
