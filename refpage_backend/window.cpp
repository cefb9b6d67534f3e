// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/window.h"

#include "platform/mapping.h"

#include <errno.h>

namespace refpage {

int mapWindow(const Window &W, uptr Base, uptr Size, bool *Lost) {
  *Lost = false;
  int Error = 0;
  for (uptr Offset = 0; Offset < Size && !Error; Offset += W.Size) {
    const uptr Length = scudo::Min(W.Size, Size - Offset);
    Error = mapFileOver(W.File.Fd, Base + Offset, Length);
    if (Error)
      reserveHole(Base + Offset, Length);
  }
  if (!W.Maker->IsIntact(W)) {
    *Lost = true;
    return EBADF;
  }
  return Error;
}

} // namespace refpage
