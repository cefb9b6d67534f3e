// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Another process, as /proc shows it. For tools that look at a program from
// outside: nothing of this is linked into the allocator.

#ifndef REFPAGE_PLATFORM_OTHER_PROCESS_H_
#define REFPAGE_PLATFORM_OTHER_PROCESS_H_

#include "platform/types.h"

namespace refpage {

// Stays with the process it was opened for: when that has exited calls fail
// with ESRCH, whoever has its number by then. Not thread-safe. Functions return
// 0 or an errno and keep `errno`.
class OtherProcess {
public:
  OtherProcess() = default;
  ~OtherProcess() { close(); }
  OtherProcess(const OtherProcess &) = delete;
  void operator=(const OtherProcess &) = delete;

  // ESRCH: there is no such process (or /proc hides it: hidepid). ENOTSUP:
  // there is no /proc.
  int open(s32 Pid);
  void close();

  // Opens /proc/PID/Name for reading, close-on-exec. What shows a program's
  // memory is refused (EACCES, EPERM) to those who may not trace it
  // (ptrace(2), "Ptrace access mode checking"): `smaps`, `pagemap` and `fd` ask
  // for PTRACE_MODE_READ, `mem` for PTRACE_MODE_ATTACH, which Yama denies to
  // all but parents and the privileged.
  int openFile(const char *Name, int *Fd) const;

  // The name of the process, as the kernel has it (comm).
  struct Name {
    char Text[64];
  };
  int getName(Name *Result) const;

  // What the link /proc/PID/Path points to; cut to what Text has room for.
  int readLink(const char *Path, char *Text, uptr Size) const;

  // Calls Callback(number, file identity and size) for each open descriptor
  // whose link begins with Prefix.
  struct OpenFile {
    int Number;
    u64 Device;
    u64 Inode;
    uptr Size;   // Bytes.
    uptr Memory; // Bytes that its pages take (st_blocks).
  };
  template <typename F>
  int forEachOpenFile(const char *Prefix, F Callback) const {
    OpenFile Found;
    FolderReader Reader;
    int Error = Reader.open(*this, "fd");
    while (!Error && Reader.next(*this, Prefix, &Found, &Error))
      Callback(Found);
    return Error;
  }

private:
  class FolderReader {
  public:
    FolderReader() = default;
    ~FolderReader();
    FolderReader(const FolderReader &) = delete;
    void operator=(const FolderReader &) = delete;
    int open(const OtherProcess &Of, const char *Folder);
    // False at the end, or with *Error set.
    bool next(const OtherProcess &Of, const char *Prefix, OpenFile *Found,
              int *Error);

  private:
    int Fd = -1;
    alignas(u64) char Entries[2048];
    uptr Length = 0;
    uptr At = 0;
  };

  int Folder = -1;
};

// Reads Size bytes at Offset; *Got says how many there were, which is less at
// an end. Returns 0 or an errno; goes on after EINTR.
int readAt(int Fd, void *Buffer, uptr Size, u64 Offset, uptr *Got);

void closeFile(int Fd);

} // namespace refpage

#endif // REFPAGE_PLATFORM_OTHER_PROCESS_H_
