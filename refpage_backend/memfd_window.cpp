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
  MemfdInMaking Memfd;
  int Error = Memfd.create("scudo:refpage", Size);
  if (!Error)
    Error = Memfd.write(Size, Holds.Pattern);
  if (!Error)
    Error = Memfd.seal();
  if (Error)
    return Error;
  New->File = Memfd.release();
  New->Size = Size;
  New->OwnMemory = Size;
  return 0;
}

bool isMemfdIntact(const Window &W) {
  return isSameFile(W.File.Fd, W.File.Identity);
}

} // namespace

const WindowMaker MemfdWindowMaker = {Backend::MemfdWindow,
                                      /*AnyLength=*/false, makeMemfdWindow,
                                      isMemfdIntact};

} // namespace refpage
