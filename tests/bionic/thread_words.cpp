// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a C library knows of a thread, as far as the heap is concerned.

#include <stdint.h>

extern "C" uintptr_t *hostThreadWords();

namespace {

thread_local uintptr_t Words[2];

} // namespace

uintptr_t *hostThreadWords() { return Words; }
