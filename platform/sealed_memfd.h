// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory files that nothing in the process can change any more.

#ifndef REFPAGE_PLATFORM_SEALED_MEMFD_H_
#define REFPAGE_PLATFORM_SEALED_MEMFD_H_

#include "platform/parked_fd.h"
#include "platform/types.h"

namespace refpage {

// A memory file on its way to be sealed. In order: create(), write(), tag() if
// its pages shall have memory tags, seal(), release(). It is fit for use only
// after the seals are on.
//
// Other threads of the program may close descriptors that they do not know and
// get the same numbers for files of their own, which must not be touched. So
// the file is moved to a high number at once, which no open() returns, and is
// known by its identity before each call that changes it.
//
// No function touches `errno`, locks or allocates. Each returns 0 or an errno;
// EBADF: the descriptor was lost to the program.
class MemfdInMaking {
public:
  MemfdInMaking() = default;
  // Gives the file up, unless release() was called.
  ~MemfdInMaking();
  MemfdInMaking(const MemfdInMaking &) = delete;
  void operator=(const MemfdInMaking &) = delete;

  // Makes a close-on-exec memory file of Size bytes that can be sealed, not
  // executable where the kernel can say so (MFD_NOEXEC_SEAL, Linux 6.3). Name
  // shows in /proc/PID/maps.
  int create(const char *Name, uptr Size);

  // Fills the first Size bytes, a multiple of 8, with Pattern over and over.
  int write(uptr Size, u64 Pattern);

  // Gives the first Size bytes, whole pages, a memory tag. Not every kernel
  // that accepts this keeps it: showsTag().
  int tag(uptr Size, u8 Tag);

  // Seals against write, grow, shrink and further seals. Fails with EBUSY while
  // a writable shared mapping exists. F_SEAL_FUTURE_WRITE would not do: it
  // leaves existing mappings writable.
  int seal();

  int getFd() const { return File.Fd; }

  // Whether a private view of the page at Offset, as blocks get it, has the tag
  // in its first and last granule.
  bool showsTag(uptr Offset, u8 Tag) const;

  // Hands the file over.
  KeptFile release();

private:
  int expectOurs() const;

  KeptFile File;
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_SEALED_MEMFD_H_
