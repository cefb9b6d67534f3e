// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who has called: return addresses of the program, for reports.

#ifndef REFPAGE_PLATFORM_CALL_STACK_H_
#define REFPAGE_PLATFORM_CALL_STACK_H_

#include "platform/types.h"

namespace refpage {

// Loads the C library's unwinder, which reads the tables that compilers write
// for exceptions and so needs no frame pointers (backtrace(3), and with it
// libgcc_s). That takes malloc, dlopen() and the loader's lock, so it is not
// done by getCallers(). To be called once, when the program starts, from no
// allocation. Without the unwinder, and before this was called, stacks are
// found by frame pointers (frame_chase.h).
void loadUnwinder();

// Stores the return addresses of the calling thread that lie outside this
// library, the innermost first, at most Most, and returns how many there are.
// Linked into the program itself the library cannot tell its own code from the
// program's: then its own calls are among them. Some microseconds; allocates
// nothing; with glibc from 2.35 on without locks.
u32 getCallers(uptr *Addresses, u32 Most);

} // namespace refpage

#endif // REFPAGE_PLATFORM_CALL_STACK_H_
