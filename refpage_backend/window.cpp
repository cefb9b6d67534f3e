// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/window.h"

#include "platform/mapping.h"

#include <errno.h>

namespace refpage {

int mapWindow(const Window &W, uptr Offset, uptr Base, uptr Size, bool *Lost) {
  *Lost = false;
  int Error = 0;
  for (uptr Length; Size && !Error; Base += Length, Size -= Length) {
    Length = scudo::Min(W.Size - Offset, Size);
    Error = mapFileOver(W.File.Fd, Offset, Base, Length, W.Tags);
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
