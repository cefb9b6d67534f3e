// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Filling fresh anonymous memory whose pages will all be written anyway.

#ifndef REFPAGE_BACKEND_DENSE_FILL_H_
#define REFPAGE_BACKEND_DENSE_FILL_H_

#include "platform/types.h"

namespace refpage {

// What the kernel's huge pages are on x86-64, and on arm64 with 4 KiB pages.
// Memory that starts at a multiple of it gets most of them.
constexpr uptr HugePageSize = 2UL << 20;

// Fills [Base, Base + Size), whole pages of memory just mapped, with the
// pattern, and gets its pages in the cheapest way the kernel has: huge pages
// where they fit in, else many at a time.
void fillDense(uptr Base, uptr Size, u64 Pattern);

} // namespace refpage

#endif // REFPAGE_BACKEND_DENSE_FILL_H_
