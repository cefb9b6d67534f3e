// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the kernel says of itself in /sys.

#ifndef REFPAGE_PLATFORM_SYSFS_H_
#define REFPAGE_PLATFORM_SYSFS_H_

#include "platform/parked_fd.h"
#include "platform/types.h"

namespace refpage {

// No function touches `errno`, waits, locks or allocates.

// Whether the file is the kernel's: a container may have anything at a path
// below /sys.
bool isOnSysfs(const KeptFile &File);

// Reads a file of at most Size - 1 bytes into Text and ends it with a NUL.
// Returns 0 or an errno; EBADMSG: the file is empty, or has more than that.
int readAttribute(const KeptFile &File, char *Text, uptr Size);

} // namespace refpage

#endif // REFPAGE_PLATFORM_SYSFS_H_
