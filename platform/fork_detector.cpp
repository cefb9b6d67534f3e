// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/fork_detector.h"

#include "platform/scoped_errno.h"

#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

namespace refpage {

bool ForkDetector::arm() {
  ScopedErrno KeepErrno;
  if (!Mark) {
    const uptr Size = scudo::getPageSizeCached();
    void *Page = mmap(nullptr, Size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (Page == MAP_FAILED)
      return false;
    if (madvise(Page, Size, MADV_WIPEONFORK) == -1) {
      munmap(Page, Size);
      return false;
    }
    Mark = static_cast<volatile u32 *>(Page);
  }
  *Mark = 1;
  return true;
}

bool ForkDetector::isSameProcess() const { return Mark && *Mark == 1; }

} // namespace refpage
