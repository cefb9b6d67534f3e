// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/kernel/tags.h"

#include <sys/auxv.h>
#include <sys/prctl.h>

namespace refpage_test {

#if defined(__aarch64__)

bool hasTags() {
  constexpr unsigned long HasMte = 1UL << 18; // HWCAP2_MTE
  return getauxval(AT_HWCAP2) & HasMte;
}

bool checkTags() {
  constexpr unsigned long TaggedAddresses = 1;  // PR_TAGGED_ADDR_ENABLE
  constexpr unsigned long Synchronous = 1 << 1; // PR_MTE_TCF_SYNC
  constexpr int SetControl = 55;                // PR_SET_TAGGED_ADDR_CTRL
  return prctl(SetControl, TaggedAddresses | Synchronous, 0, 0, 0) == 0;
}

void storeTag(void *Address, unsigned Tag) {
  void *Tagged = withTag(Address, Tag);
  __asm__ __volatile__(".arch_extension memtag\n"
                       "stg %0, [%0]"
                       :
                       : "r"(Tagged)
                       : "memory");
}

unsigned loadTag(const void *Address) {
  uintptr_t Result = reinterpret_cast<uintptr_t>(Address);
  __asm__ __volatile__(".arch_extension memtag\n"
                       "ldg %0, [%0]"
                       : "+r"(Result)
                       :
                       : "memory");
  return (Result >> 56) & 15;
}

#else

bool hasTags() { return false; }
bool checkTags() { return false; }
void storeTag(void *, unsigned) {}
unsigned loadTag(const void *) { return 0; }

#endif

} // namespace refpage_test
