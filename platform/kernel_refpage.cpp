// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/kernel_refpage.h"

#include "platform/process.h"
#include "platform/scoped_errno.h"
#include "platform/sysfs.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace refpage {
namespace {

// Reads a number of at most Max with End behind it, and moves *Text behind
// that.
bool parseNumber(const char **Text, char End, u32 Max, u32 *Number) {
  const char *Digit = *Text;
  *Number = 0;
  for (; *Digit >= '0' && *Digit <= '9'; Digit++) {
    *Number = *Number * 10 + static_cast<u32>(*Digit - '0');
    if (*Number > Max)
      return false;
  }
  if (Digit == *Text || *Digit != End)
    return false;
  *Text = Digit + 1;
  return true;
}

// "major:minor\n".
bool parseDeviceNumber(const char *Text, dev_t *Number) {
  constexpr u32 MaxMajor = (1U << 12) - 1;
  constexpr u32 MaxMinor = (1U << 20) - 1;
  u32 Major;
  u32 Minor;
  if (!parseNumber(&Text, ':', MaxMajor, &Major) ||
      !parseNumber(&Text, '\n', MaxMinor, &Minor) || *Text)
    return false;
  *Number = makedev(Major, Minor);
  return true;
}

// Parks what the kernel has just returned. Its number may be the program's by
// now, if another thread has closed it, so that it is known again at its new
// one; the first one is left to the program if it is.
int parkRefpage(int Fd, KeptFile *New) {
  KeptFile Parked;
  const int Error = duplicateParked(Fd, &Parked.Fd, &Parked.Identity);
  if (Error) {
    if (readLink(Fd, REFPAGE_LINK) != FdLink::Other)
      close(Fd);
    return Error;
  }
  const FdLink Found = readLink(Parked.Fd, REFPAGE_LINK);
  if (Found != FdLink::Other)
    closeIfSame(Fd, Parked.Identity);
  if (Found != FdLink::Wanted) {
    giveUp(&Parked);
    return EBADF;
  }
  *New = Parked;
  return 0;
}

bool mayGoOn(UnderFilter Mode) {
  return Mode == UnderFilter::GoOn || !hasSeccompFilter();
}

// Before it is known that no filter kills for them, no calls are made that are
// not made for memory files as well.
int readPublished(const char *Path, UnderFilter Mode, char *Text, uptr Size) {
  KeptFile File;
  if (const int Error = openParked(Path, &File))
    return Error;
  int Error = ECANCELED;
  if (mayGoOn(Mode))
    Error = isOnSysfs(File) ? readAttribute(File, Text, Size) : EBADMSG;
  giveUp(&File);
  return Error;
}

int openDevice(const char *Path, dev_t Number, KeptFile *Device) {
  struct stat Status;
  // Some devices act on being opened.
  if (stat(Path, &Status) == -1)
    return errno;
  if (!S_ISCHR(Status.st_mode) || Status.st_rdev != Number)
    return EBADMSG;
  if (const int Error = openParked(Path, Device))
    return Error;
  if (fstat(Device->Fd, &Status) == 0 && S_ISCHR(Status.st_mode) &&
      Status.st_rdev == Number)
    return 0;
  giveUp(Device);
  return EBADF;
}

} // namespace

bool parseSyscallNumber(const char *Text, long *Number) {
  constexpr u32 Least = 480;
  constexpr u32 Most = 511;
  u32 Found;
  if (!parseNumber(&Text, '\n', Most, &Found) || *Text || Found < Least)
    return false;
  *Number = static_cast<long>(Found);
  return true;
}

int createRefpageBySyscall(const void *Content, u32 Size, UnderFilter Mode,
                           KeptFile *New, const RefpagePaths &Paths) {
  ScopedErrno KeepErrno;
  char Text[16];
  if (const int Error =
          readPublished(Paths.SyscallNumber, Mode, Text, sizeof(Text)))
    return Error;
  long Number;
  if (!parseSyscallNumber(Text, &Number))
    return EBADMSG;
  const long Fd = syscall(Number, Content, Size, 0UL);
  if (Fd == -1)
    return errno;
  // What another call returns need not be a descriptor.
  constexpr long MostFds = 1L << 30;
  if (Fd > MostFds ||
      readLink(static_cast<int>(Fd), REFPAGE_LINK) != FdLink::Wanted)
    return EBADMSG;
  return parkRefpage(static_cast<int>(Fd), New);
}

int createRefpageByDevice(const void *Content, u32 Size, u64 Flags,
                          UnderFilter Mode, KeptFile *New,
                          const RefpagePaths &Paths) {
  ScopedErrno KeepErrno;
  char Text[16];
  if (const int Error =
          readPublished(Paths.DeviceNumber, Mode, Text, sizeof(Text)))
    return Error;
  dev_t Number;
  if (!parseDeviceNumber(Text, &Number))
    return EBADMSG;
  KeptFile Device;
  if (const int Error = openDevice(Paths.Device, Number, &Device))
    return Error;
  refpage_create_args Arguments = {};
  Arguments.content = reinterpret_cast<u64>(Content);
  Arguments.size = Size;
  Arguments.flags = Flags;
  const int Fd = ioctl(Device.Fd, REFPAGE_IOC_CREATE, &Arguments);
  const int Error = Fd == -1 ? errno : 0;
  giveUp(&Device);
  return Error ? Error : parkRefpage(Fd, New);
}

} // namespace refpage
