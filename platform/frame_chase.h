// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stack traces by frame pointers, for Scudo's records of who allocated and who
// freed: fast enough for each malloc. Scudo calls it by bionic's name if
// HAVE_ANDROID_UNSAFE_FRAME_POINTER_CHASE is defined; bionic has its own.

#ifndef REFPAGE_PLATFORM_FRAME_CHASE_H_
#define REFPAGE_PLATFORM_FRAME_CHASE_H_

#include "platform/types.h"

#include <stddef.h>

#if !defined(__BIONIC__)

// Stores the return addresses of the caller and of those who called it, the
// innermost first, at most Count, and returns how many there are. Code without
// frame pointers is left out, or ends the trace. No system calls, no locks, no
// malloc. Looks at nothing but the thread's stack: on one that is not the
// thread's own (coroutines, alternate signal stacks) the trace may end early.
// For 64-bit Arm; none elsewhere.
extern "C" size_t android_unsafe_frame_pointer_chase(scudo::uptr *Addresses,
                                                     size_t Count);

#endif

#endif // REFPAGE_PLATFORM_FRAME_CHASE_H_
