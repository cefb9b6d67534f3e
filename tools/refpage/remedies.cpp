// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/remedies.h"

#include "platform/kernel_refpage.h"

#include <errno.h>
#include <unistd.h>

namespace refpage {
namespace {

// What windows of any kind need.
std::string getGeneralRemedy(int Error) {
  switch (Error) {
  case ENOMEM:
    return "more memory, in this machine or for this control group";
  case EMFILE:
    return "more descriptors for the process (ulimit -n)";
  case ENFILE:
    return "more open files in the machine (sysctl fs.file-max)";
  case EFBIG:
    return "larger files for the process (ulimit -f)";
  default:
    return "";
  }
}

std::string getSyscallRemedy(int Error) {
  switch (Error) {
  case ENOENT:
    return "a kernel with the patch of platform/linux_kernel/syscall (Linux "
           "6.1, 6.12); a container needs /sys";
  case EBADMSG:
    return "sysfs itself at /sys";
  case ECANCELED:
    return "a process without seccomp filter (container: "
           "seccomp=unconfined), or backend=syscall, if the filter allows it; "
           "/proc mounted";
  default:
    return getGeneralRemedy(Error);
  }
}

bool isModuleLoaded() { return access(RefpagePaths().DeviceNumber, F_OK) == 0; }

std::string getDeviceRemedy(int Error) {
  switch (Error) {
  case ENOENT:
    return isModuleLoaded()
               ? "the device in this container (--device " REFPAGE_DEVICE_PATH
                 ")"
               : "the module of platform/linux_kernel/module (Linux 6.1 or "
                 "later; modprobe refpage, as root); a container needs /sys "
                 "and the device";
  case EBADMSG:
    return "the module's own device at " REFPAGE_DEVICE_PATH;
  case ECANCELED:
    return "a process without seccomp filter (container: "
           "seccomp=unconfined), or backend=device, if the filter allows it; "
           "/proc mounted";
  case EACCES:
    return "permission to read " REFPAGE_DEVICE_PATH
           " (the module's parameter mode)";
  case EPERM:
    return "the module's parameter allow_unaccounted=1, which is for "
           "experiments only";
  case EDQUOT:
    return "fewer processes of this user with such files, or a higher "
           "max_user_files of the module";
  default:
    return getGeneralRemedy(Error);
  }
}

std::string getMemfdRemedy(int Error) {
  switch (Error) {
  case ENOSYS:
    return "Linux 3.17 or later with CONFIG_MEMFD_CREATE, or a seccomp filter "
           "that lets memfd_create through";
  case EPERM:
  case EACCES:
    return "a seccomp filter or security module that lets memfd_create and "
           "its seals through (docs/syscalls.md)";
  case ENOSPC:
    return "more shared memory (size limits of tmpfs, the control group's "
           "memory)";
  default:
    return getGeneralRemedy(Error);
  }
}

} // namespace

std::string getRemedy(const std::string &Name, int Error) {
  if (Name == "syscall")
    return getSyscallRemedy(Error);
  if (Name.rfind("device", 0) == 0)
    return getDeviceRemedy(Error);
  return getMemfdRemedy(Error);
}

} // namespace refpage
