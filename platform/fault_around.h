// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A read fault in a mapping of a file maps, besides the page that is read,
// those around it that the kernel has in memory (fault-around: 64 KiB, as
// debugfs' fault_around_bytes says). For those who want to know which pages
// were read it has to be off.
//
// The only switch that a process has is userfaultfd(2): in a range that is
// registered for write protection the kernel maps the page alone
// (uffd_disable_fault_around() in include/linux/userfaultfd_k.h), since Linux
// 5.19, for arm64 since 6.10. Nothing is ever write-protected, so no fault is
// ever reported, and nobody has to listen. It needs no privilege:
// UFFD_USER_MODE_ONLY is exempt from the sysctl vm.unprivileged_userfaultfd.

#ifndef REFPAGE_PLATFORM_FAULT_AROUND_H_
#define REFPAGE_PLATFORM_FAULT_AROUND_H_

#include "platform/parked_fd.h"
#include "platform/types.h"

namespace refpage {

// The registration lasts as long as its descriptor is open and the range is
// mapped where it is: a range that is moved has to be switched again, and so
// has what the child of a fork inherits, with a switch of its own. Not
// thread-safe: the caller locks. Keeps errno; does not allocate.
class FaultAroundSwitch {
public:
  constexpr FaultAroundSwitch() = default;

  // Base and Size in bytes, whole pages, private mappings. Returns 0, or an
  // errno: EINVAL where the kernel or the mapped file cannot; EBUSY where the
  // program has registered the range itself; ECANCELED under a seccomp filter,
  // which may kill for the call.
  int switchOff(uptr Base, uptr Size);

  // Whether the descriptor still is there: a program may close it at any time.
  bool isIntact() const;

  // Ends it for all ranges. In the child of a fork: for none.
  void close();

private:
  int open();

  KeptFile File;
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_FAULT_AROUND_H_
