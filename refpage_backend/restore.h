// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Putting contents back on the pages of a range that were written, and on
// those alone.

#ifndef REFPAGE_BACKEND_RESTORE_H_
#define REFPAGE_BACKEND_RESTORE_H_

#include "platform/pagemap.h"
#include "refpage_backend/contents.h"

namespace refpage {

// What was found in a range that was put back, in bytes: what its user had
// written, and so was filled; how much of that is at its start, without a gap;
// and how much of the views is resident now, written in this use or before.
struct Restored {
  uptr Filled = 0;
  uptr Front = 0;
  uptr Resident = 0;
};

// Both take [Base, Base + Size), whole pages of the range that starts at Start,
// go through it in order and add to *R. Written pages are rewritten where they
// are and stay resident, so that the next use takes no fault. Which pages were
// written shows in what they hold: a page that holds the pattern all over is
// left alone. That is found by reading it, at the price of a fill at worst; a
// page that was written is known by its first bytes.

// A page of anonymous memory that holds the pattern must go on holding it: if
// the program has lent it to the kernel (MADV_FREE), which may take it at any
// time, that is ended by a write of what it holds.
enum class CleanPages : u8 { Leave, Keep };

// For pages that are resident, or will be written anyway. All of them get the
// contents' tag, if it has one (under a ScopedUncheckedAccess).
void restoreByContents(uptr Base, uptr Size, const Contents &Wanted, uptr Start,
                       CleanPages Clean, Restored *R);

// For a range whose clean pages hold Pattern already: a view of a window with
// that pattern, or anonymous memory and the pattern is 0. Looks at the pages
// alone that the kernel names. Pages in swap are dropped rather than read in;
// so are all of the range's where the kernel does not tell, and where most that
// are resident have not been written for long.
void restoreByPagemap(Pagemap &Pages, uptr Base, uptr Size, u64 Pattern,
                      uptr Start, Restored *R);

} // namespace refpage

#endif // REFPAGE_BACKEND_RESTORE_H_
