// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/window.h"

#include "platform/mapping.h"

#include <errno.h>

namespace refpage {
namespace {

// To a file of the kernel's own memory may have tags only once its mmap() has
// said so, which comes after the question whether it may (EINVAL).
int mapPart(const Window &W, uptr Offset, uptr Base, uptr Size) {
  const bool TagsLater = W.Maker->AnyLength && W.Tags == MemoryTags::Allowed;
  const int Error = mapFileOver(W.File.Fd, Offset, Base, Size,
                                TagsLater ? MemoryTags::None : W.Tags);
  return TagsLater && !Error ? commitReserved(Base, Size, W.Tags) : Error;
}

} // namespace

bool isGone(int Error) {
  return Error == ENOSYS || Error == ENOENT || Error == EBADMSG ||
         Error == ECANCELED;
}

int mapWindow(const Window &W, uptr Offset, uptr Base, uptr Size, bool *Lost) {
  *Lost = false;
  int Error = 0;
  for (uptr Length; Size && !Error; Base += Length, Size -= Length) {
    Length = scudo::Min(W.Size - Offset, Size);
    Error = mapPart(W, Offset, Base, Length);
    if (Error)
      reserveHole(Base, Length);
    Offset = 0;
  }
  if (!W.Maker->IsIntact(W)) {
    *Lost = true;
    return EBADF;
  }
  return Error;
}

} // namespace refpage
