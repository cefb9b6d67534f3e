// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/density_watch.h"

#include "tools/refpage/failure.h"

#include "platform/mapping.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

namespace refpage {
namespace {

uptr getFileSize() {
  return scudo::roundUp(sizeof(DensityCounts), scudo::getPageSizeCached());
}

} // namespace

// The programs map it by its name in /proc, so that they need not have a
// descriptor, which many programs close for their children. It cannot shrink:
// the allocator takes no other.
DensityWatch::DensityWatch() {
  Fd = memfd_create("refpage-density", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  uptr Base = 0;
  int Error = 0;
  if (Fd == -1 || ftruncate(Fd, static_cast<off_t>(getFileSize())) == -1 ||
      fcntl(Fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1)
    Error = errno;
  else
    Error = mapFileShared(Fd, getFileSize(), MemoryTags::None, &Base);
  if (Error) {
    close(Fd);
    throw Failure(std::string("cannot make a memory file: ") + strerror(Error));
  }
  Counts = reinterpret_cast<DensityCounts *>(Base);
}

DensityWatch::~DensityWatch() {
  unmapMemory(reinterpret_cast<uptr>(Counts), getFileSize());
  close(Fd);
}

std::string DensityWatch::getOption() const {
  return "density=/proc/" + std::to_string(getpid()) + "/fd/" +
         std::to_string(Fd);
}

} // namespace refpage
