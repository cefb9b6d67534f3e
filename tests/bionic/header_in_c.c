/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The header is C too. */

#include "allocator/scudo_refpage_bionic.h"

// g++ takes any file for C++.
#ifdef __cplusplus
#define C_NAME extern "C"
#else
#define C_NAME extern
#endif
C_NAME void *allocateInC(size_t Size);

void *allocateInC(size_t Size) { return scudo_malloc(Size); }
