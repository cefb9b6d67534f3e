// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/memfd_window.h"

#include "platform/sealed_memfd.h"

#include <errno.h>

namespace refpage {
namespace {

int makeMemfdWindow(const Contents &Holds, uptr Size, Window *New) {
  // Tags need the window mapped and tagged before it is sealed, and a kernel
  // whose memory files keep them.
  if (Holds.Tag != 0)
    return ENOTSUP;
  int Fd;
  int Error = createMemfd("scudo:refpage", Size, &Fd);
  if (Error)
    return Error;
  Error = writePattern(Fd, Size, Holds.Pattern);
  if (!Error)
    Error = sealMemfd(Fd);
  if (Error) {
    discardMemfd(Fd);
    return Error;
  }
  Error = parkFd(Fd, &New->Fd, &New->Identity);
  if (Error)
    return Error;
  New->Size = Size;
  New->OwnMemory = Size;
  return 0;
}

bool isMemfdIntact(const Window &W) { return isSameFile(W.Fd, W.Identity); }

} // namespace

const WindowMaker MemfdWindowMaker = {Backend::MemfdWindow,
                                      /*AnyLength=*/false, makeMemfdWindow,
                                      isMemfdIntact};

} // namespace refpage
