// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Putting contents back on the pages of a range that were written, and on
// those alone.

#ifndef REFPAGE_BACKEND_RESTORE_H_
#define REFPAGE_BACKEND_RESTORE_H_

#include "platform/pagemap.h"

namespace refpage {

// The range's clean pages hold Pattern already: it is a view of a window with
// that pattern, or anonymous memory and the pattern is 0. Rewrites the written
// pages in place, where they stay resident, so that the next use takes no
// fault; pages in swap are dropped rather than read in. Where the kernel does
// not tell which pages were written, drops them all. Returns the bytes filled.
uptr restoreWrittenPages(Pagemap &Pages, uptr Base, uptr Size, u64 Pattern);

} // namespace refpage

#endif // REFPAGE_BACKEND_RESTORE_H_
