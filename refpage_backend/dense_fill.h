// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Filling fresh anonymous memory with contents. Where they have a tag, under a
// ScopedUncheckedAccess.

#ifndef REFPAGE_BACKEND_DENSE_FILL_H_
#define REFPAGE_BACKEND_DENSE_FILL_H_

#include "refpage_backend/contents.h"

namespace refpage {

// What the kernel's huge pages are on x86-64, and on arm64 with 4 KiB pages.
// Memory that starts at a multiple of it gets most of them.
constexpr uptr HugePageSize = 2UL << 20;

// Makes [Base, Base + Size), whole pages of memory that was just mapped or
// discarded, hold the contents.
void fillFresh(uptr Base, uptr Size, const Contents &Holds);

// The same where all pages will be written anyway: gets them in the cheapest
// way the kernel has, huge pages where they fit in, else many at a time.
void fillDense(uptr Base, uptr Size, const Contents &Holds);

} // namespace refpage

#endif // REFPAGE_BACKEND_DENSE_FILL_H_
