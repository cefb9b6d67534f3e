// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The word of each thread that a C library keeps for us (move_request.cpp).

#ifndef REFPAGE_TESTS_BIONIC_TLS_SLOTS_REFPAGE_PLATFORM_TLS_SLOT_H_
#define REFPAGE_TESTS_BIONIC_TLS_SLOTS_REFPAGE_PLATFORM_TLS_SLOT_H_

#include "scudo_platform_tls_slot.h"

inline uintptr_t *getPlatformMoveRequestTlsSlot() {
  return &hostThreadWords()[1];
}

#endif // REFPAGE_TESTS_BIONIC_TLS_SLOTS_REFPAGE_PLATFORM_TLS_SLOT_H_
