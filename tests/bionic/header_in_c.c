/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The header is C too. */

#include "allocator/scudo_refpage_bionic.h"

#ifdef __cplusplus
extern "C" /* g++ takes any file for C++. */
#endif
void *allocate_in_c(size_t size);

void *allocate_in_c(size_t size) { return scudo_malloc(size); }
