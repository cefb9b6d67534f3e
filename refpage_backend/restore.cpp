// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/restore.h"

#include "platform/mapping.h"
#include "refpage_backend/pattern_fill.h"

namespace refpage {
namespace {

// Returns the bytes filled: none if the pages could be dropped.
uptr dropOrFill(uptr Base, uptr Size, u64 Pattern) {
  if (discardPages(Base, Size) == 0)
    return 0;
  // A range that the program has locked in memory (mlock) cannot be dropped.
  fillPattern(Base, Size, Pattern);
  return Size;
}

} // namespace

uptr restoreWrittenPages(Pagemap &Pages, uptr Base, uptr Size, u64 Pattern) {
  uptr Filled = 0;
  const bool Known = Pages.forEachRun(
      Base, Size, [&](uptr RunBase, uptr RunSize, PageState State) {
        if (State == PageState::Written) {
          fillPattern(RunBase, RunSize, Pattern);
          Filled += RunSize;
        } else if (State == PageState::Swapped) {
          Filled += dropOrFill(RunBase, RunSize, Pattern);
        }
        return true;
      });
  if (!Known)
    Filled = dropOrFill(Base, Size, Pattern);
  return Filled;
}

} // namespace refpage
