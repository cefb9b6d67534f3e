// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory that several processes share, one of which looks at it.

#ifndef REFPAGE_PLATFORM_SHARED_FILE_H_
#define REFPAGE_PLATFORM_SHARED_FILE_H_

#include "platform/types.h"

namespace refpage {

// Maps the first Size bytes (whole pages) of the memory file that Path names,
// shared, readable and writable; *Base says where. Only of one that is sealed
// against shrinking: of any other file a page that is cut off would be a
// SIGBUS for whoever touches it. Returns 0 or an errno; EINVAL: it is not such
// a file, or shorter. No descriptor stays open. Does not touch `errno`.
int mapSharedFile(const char *Path, uptr Size, uptr *Base);

} // namespace refpage

#endif // REFPAGE_PLATFORM_SHARED_FILE_H_
