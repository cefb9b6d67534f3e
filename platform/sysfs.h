// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the kernel says of itself in /sys.

#ifndef REFPAGE_PLATFORM_SYSFS_H_
#define REFPAGE_PLATFORM_SYSFS_H_

#include "platform/types.h"

namespace refpage {

// Reads a file of at most Size - 1 bytes into Text and ends it with a NUL.
// Returns 0 or an errno; EBADMSG: the file is not the kernel's (a container may
// have anything at the path), is empty, or has more than that. Does not touch
// `errno`, wait, lock or allocate.
int readSysfs(const char *Path, char *Text, uptr Size);

} // namespace refpage

#endif // REFPAGE_PLATFORM_SYSFS_H_
