// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's entry points for our heap, under the names that bionic has for
// them. They are weak: what bionic_entry.cpp defines takes their place.

#include "allocator/heap.h"

#include "scudo/interface.h"
#include "wrappers_c.h"
#include "wrappers_c_checks.h"

#include <stdint.h>
#include <stdio.h>

#define SCUDO_PREFIX(name) CONCATENATE(scudo_, name)
#define SCUDO_ALLOCATOR refpage::TheHeap
#include "wrappers_c.inc"
