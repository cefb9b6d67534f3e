// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory files that nothing in the process can change any more.
//
// In order: createMemfd(), writePattern() (or a shared mapping, unmapped again
// before the next step), sealMemfd(). A file is fit for use only after the
// seals are on. No function touches `errno`, locks or allocates.

#ifndef REFPAGE_PLATFORM_SEALED_MEMFD_H_
#define REFPAGE_PLATFORM_SEALED_MEMFD_H_

#include "platform/types.h"

namespace refpage {

// Makes a close-on-exec memory file of Size bytes that can be sealed, not
// executable where the kernel can say so (MFD_NOEXEC_SEAL, Linux 6.3). Sets *Fd
// and returns 0, or returns an errno. Name shows in /proc/PID/maps.
int createMemfd(const char *Name, uptr Size, int *Fd);

// Fills the first Size bytes, a multiple of 8, with Pattern over and over.
int writePattern(int Fd, uptr Size, u64 Pattern);

// Seals against write, grow, shrink and further seals. Fails with EBUSY while a
// writable shared mapping exists. F_SEAL_FUTURE_WRITE would not do: it leaves
// existing mappings writable.
int sealMemfd(int Fd);

// Gives up a file that could not be made ready.
void discardMemfd(int Fd);

} // namespace refpage

#endif // REFPAGE_PLATFORM_SEALED_MEMFD_H_
