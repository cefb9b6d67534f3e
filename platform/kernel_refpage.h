// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reference pages made by the kernel (platform/linux_kernel/refpage.h): a file
// of which every page reads as given contents, however long it is mapped. Two
// ways to get one: a system call of a patched kernel, and a device of a module.
//
// Nothing is tried to see whether it exists. The system call's number is the
// one that the kernel publishes; the device is the one whose number the kernel
// publishes, and nothing else is ever opened or sent a command; what comes back
// is known by its link in /proc/self/fd.
//
// No function touches `errno`, locks or allocates. Besides what the kernel may
// answer (refpage.h) they return
//   ENOENT     the kernel does not have it
//   EBADMSG    what is there is something else
//   ECANCELED  the thread has a seccomp filter, which may kill for a call that
//              it does not know
//   EBADF      the descriptor was lost to the program

#ifndef REFPAGE_PLATFORM_KERNEL_REFPAGE_H_
#define REFPAGE_PLATFORM_KERNEL_REFPAGE_H_

#include "platform/linux_kernel/refpage.h"
#include "platform/parked_fd.h"
#include "platform/types.h"

namespace refpage {

// Whether to go on under a seccomp filter: only if the user has asked for this
// way by its name, who then knows the filter.
enum class UnderFilter : u8 { GiveUp, GoOn };

// Where the kernel says what it has. Tests have other places.
struct RefpagePaths {
  const char *SyscallNumber = REFPAGE_SYSCALL_NR_PATH;
  const char *Device = REFPAGE_DEVICE_PATH;
  const char *DeviceNumber = "/sys/class/misc/refpage/dev";
};

// Both make a parked file whose pages hold the Size bytes at Content over and
// over. Size is a power of two up to the page size and Content aligned to it;
// if it points with its tag to memory that has tags, and Size is at least 16,
// the pages have those tags.
int createRefpageBySyscall(const void *Content, u32 Size, UnderFilter Mode,
                           KeptFile *New,
                           const RefpagePaths &Paths = RefpagePaths());
// Flags: REFPAGE_UNACCOUNTED, REFPAGE_FRESH.
int createRefpageByDevice(const void *Content, u32 Size, u64 Flags,
                          UnderFilter Mode, KeptFile *New,
                          const RefpagePaths &Paths = RefpagePaths());

// Reads what the kernel publishes: a decimal number and a newline. False unless
// it can be the number of a system call that mainline does not have: above its
// last one, with room for more, and below those of x32 (x86-64).
bool parseSyscallNumber(const char *Text, long *Number);

} // namespace refpage

#endif // REFPAGE_PLATFORM_KERNEL_REFPAGE_H_
