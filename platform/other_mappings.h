// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mappings of another process, from /proc/PID/smaps (proc_pid_smaps(5)).

#ifndef REFPAGE_PLATFORM_OTHER_MAPPINGS_H_
#define REFPAGE_PLATFORM_OTHER_MAPPINGS_H_

#include "platform/other_process.h"

namespace refpage {

struct OtherMapping {
  uptr Base = 0;
  uptr End = 0;
  bool IsReadable = false;
  bool IsWritable = false;
  bool IsExecutable = false;
  bool IsShared = false;
  // Its pages may be of any kind: VM_MIXEDMAP, `mm` in VmFlags.
  bool IsMixed = false;
  u64 Offset = 0; // In the file, bytes.
  u64 Device = 0; // As st_dev has it.
  u64 Inode = 0;
  // Bytes, as the kernel accounts them.
  uptr Resident = 0;
  uptr Proportional = 0; // Shared pages in equal parts to all who have them.
  uptr Huge = 0;         // Of Resident: in anonymous huge pages.
  uptr Swapped = 0;
  // Its start; line breaks in it are escaped. Empty for anonymous memory
  // without a name.
  char Name[256] = {};

  uptr size() const { return End - Base; }
};

// Reads the mappings in order. While the process runs they can change between
// two calls: a mapping is never shown twice, and one that was there all the
// time is never missed, but parts of one that was split meanwhile may be.
class OtherMappings {
public:
  OtherMappings() = default;
  ~OtherMappings() { closeFile(Fd); }
  OtherMappings(const OtherMappings &) = delete;
  void operator=(const OtherMappings &) = delete;

  // Returns 0 or an errno; EACCES: see OtherProcess::openFile().
  int open(const OtherProcess &Of);

  // False at the end, or with *Error set. A process that has exited has no
  // mappings.
  bool next(OtherMapping *Mapping, int *Error);

private:
  bool readLine(int *Error);
  bool parseStart(OtherMapping *Mapping) const;
  void parseDetail(OtherMapping *Mapping) const;

  int Fd = -1;
  // The present line, without its end; a longer one is cut.
  char Line[512];
  bool HasLine = false;
  char Buffer[4096];
  uptr Length = 0;
  uptr At = 0;
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_OTHER_MAPPINGS_H_
