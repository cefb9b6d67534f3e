/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The header is C too. */

#include "allocator/scudo_refpage_bionic.h"

#ifdef __cplusplus
extern "C" /* g++ takes any file for C++. */
#endif
void *allocateInC(size_t size);

void *allocateInC(size_t size) { return scudo_malloc(size); }
