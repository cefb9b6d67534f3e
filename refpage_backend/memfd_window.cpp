// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/memfd_window.h"

#include "platform/sealed_memfd.h"

#include <errno.h>

namespace refpage {
namespace {

int makeMemfdWindow(const Contents &Holds, uptr Size, Window *New) {
  MemfdInMaking Memfd;
  int Error = Memfd.create("scudo:refpage", Size);
  // Zeros are written too: a page that a file does not have yet would be a
  // private one, without a tag.
  if (!Error)
    Error = Memfd.write(Size, Holds.Pattern);
  if (!Error && Holds.Tag)
    Error = Memfd.tag(Size, Holds.Tag);
  if (!Error)
    Error = Memfd.seal();
  if (!Error && Holds.Tag &&
      !(Memfd.showsTag(0, Holds.Tag) &&
        Memfd.showsTag(Size - scudo::getPageSizeCached(), Holds.Tag)))
    Error = ENOTSUP;
  if (Error)
    return Error;
  New->Tags = Holds.getTags();
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
                                      isMemfdIntact, /*Explain=*/nullptr};

} // namespace refpage
