// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/other_mappings.h"

#include "platform/scoped_errno.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace refpage {

int OtherMappings::open(const OtherProcess &Of) {
  return Of.openFile("smaps", &Fd);
}

// Sequential reads: the kernel keeps its place by address.
bool OtherMappings::readLine(int *Error) {
  ScopedErrno KeepErrno;
  uptr Used = 0;
  for (;;) {
    if (At == Length) {
      ssize_t Got;
      do
        Got = read(Fd, Buffer, sizeof(Buffer));
      while (Got == -1 && errno == EINTR);
      if (Got <= 0) {
        *Error = Got ? errno : 0;
        return false;
      }
      Length = static_cast<uptr>(Got);
      At = 0;
    }
    const char C = Buffer[At++];
    if (C == '\n') {
      Line[Used] = '\0';
      return true;
    }
    if (Used != sizeof(Line) - 1)
      Line[Used++] = C;
  }
}

// 7f1234560000-7f1234580000 rw-p 00000000 00:01 1027   /memfd:name (deleted)
bool OtherMappings::parseStart(OtherMapping *Mapping) const {
  char Rights[5];
  unsigned Major;
  unsigned Minor;
  int NameAt = 0;
  OtherMapping New;
  if (sscanf(Line,
             "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
             &New.Base, &New.End, Rights, &New.Offset, &Major, &Minor,
             &New.Inode, &NameAt) != 7)
    return false;
  New.IsReadable = Rights[0] == 'r';
  New.IsWritable = Rights[1] == 'w';
  New.IsExecutable = Rights[2] == 'x';
  New.IsShared = Rights[3] == 's';
  New.Device = makedev(Major, Minor);
  snprintf(New.Name, sizeof(New.Name), "%.255s", Line + NameAt);
  *Mapping = New;
  return true;
}

void OtherMappings::parseDetail(OtherMapping *Mapping) const {
  uptr KiB;
  if (sscanf(Line, "Rss: %zu kB", &KiB) == 1)
    Mapping->Resident = KiB << 10;
  else if (sscanf(Line, "Pss: %zu kB", &KiB) == 1)
    Mapping->Proportional = KiB << 10;
  else if (sscanf(Line, "AnonHugePages: %zu kB", &KiB) == 1)
    Mapping->Huge = KiB << 10;
  else if (sscanf(Line, "Swap: %zu kB", &KiB) == 1)
    Mapping->Swapped = KiB << 10;
  else if (strncmp(Line, "VmFlags:", strlen("VmFlags:")) == 0)
    Mapping->IsMixed = strstr(Line, " mm") != nullptr;
}

bool OtherMappings::next(OtherMapping *Mapping, int *Error) {
  *Error = 0;
  while (!HasLine || !parseStart(Mapping)) {
    HasLine = readLine(Error);
    if (!HasLine)
      return false;
  }
  for (;;) {
    HasLine = readLine(Error);
    OtherMapping Following;
    if (!HasLine)
      return *Error == 0; // The last one; the next call finds the end.
    if (parseStart(&Following))
      return true;
    parseDetail(Mapping);
  }
}

} // namespace refpage
