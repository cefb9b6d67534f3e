// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The word of each thread that a C library keeps for Scudo (tsd_shared.h).

#ifndef REFPAGE_TESTS_BIONIC_TLS_SLOTS_SCUDO_PLATFORM_TLS_SLOT_H_
#define REFPAGE_TESTS_BIONIC_TLS_SLOTS_SCUDO_PLATFORM_TLS_SLOT_H_

#include <stdint.h>

// The two words that the host of the tests keeps (thread_words.cpp).
extern "C" uintptr_t *hostThreadWords();

inline uintptr_t *getPlatformAllocatorTlsSlot() {
  return &hostThreadWords()[0];
}

#endif // REFPAGE_TESTS_BIONIC_TLS_SLOTS_SCUDO_PLATFORM_TLS_SLOT_H_
