// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows of reference pages that the kernel makes: one mapping a block, and
// next to no memory of their own.

#ifndef REFPAGE_BACKEND_KERNEL_WINDOW_H_
#define REFPAGE_BACKEND_KERNEL_WINDOW_H_

#include "refpage_backend/window.h"

namespace refpage {

// In a thread with a seccomp filter these make nothing.
extern const WindowMaker SyscallWindowMaker;
extern const WindowMaker DeviceWindowMaker;

// For those who have asked for one by its name: these do.
extern const WindowMaker RequestedSyscallWindowMaker;
extern const WindowMaker RequestedDeviceWindowMaker;
// The device's other kinds of pages (platform/linux_kernel/refpage.h).
extern const WindowMaker UnaccountedDeviceWindowMaker;
extern const WindowMaker FreshDeviceWindowMaker;

} // namespace refpage

#endif // REFPAGE_BACKEND_KERNEL_WINDOW_H_
