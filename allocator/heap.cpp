// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/heap.h"

#include "scudo/interface.h"
#include "wrappers_c_checks.h"

#include <errno.h>

// Upstream's wrapper, which each library compiles for TheHeap.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" void *scudo_realloc(void *Ptr, size_t Size);

namespace refpage {

SCUDO_REQUIRE_CONSTANT_INITIALIZATION
Heap TheHeap;

namespace {

// The largest alignment Scudo takes, and one more shift to go above it.
constexpr uptr TooLargeAlignment = 1UL << 25;

} // namespace

void *allocateAligned(uptr Alignment, uptr Size) {
  void *Ptr = TheHeap.allocate(Size, scudo::Chunk::Origin::Memalign, Alignment);
  // Upstream's hook, for debug builds.
  if (SCUDO_ENABLE_HOOKS && Ptr && __scudo_allocate_hook)
    __scudo_allocate_hook(Ptr, Size);
  return scudo::setErrnoOnNull(Ptr);
}

void *allocateRoundingUp(uptr Alignment, uptr Size) {
  if (Alignment > TooLargeAlignment)
    Alignment = TooLargeAlignment;
  else if (Alignment == 0)
    Alignment = 1;
  if (!scudo::isPowerOfTwo(Alignment))
    Alignment = scudo::roundUpPowerOfTwo(Alignment);
  return allocateAligned(Alignment, Size);
}

void *reallocateArray(void *Ptr, uptr Count, uptr Size) {
  uptr Product;
  if (UNLIKELY(scudo::checkForCallocOverflow(Size, Count, &Product))) {
    errno = ENOMEM;
    return nullptr;
  }
  return scudo_realloc(Ptr, Product);
}

} // namespace refpage
