// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The large blocks of a running process, found from outside: nothing in the
// process is stopped, written or asked.
//
// Where a block is and what it is says its own header
// (allocator/large_block.h), which is read from /proc/PID/mem: one that names
// the address it is found at, right behind a guard page, is no coincidence.
// Headers are linked to each other: if every link leads to a block that was
// found, all were. Without the right to read memory, blocks that view windows
// are seen by their mappings' names; those of anonymous memory look like
// anybody's.
//
// What a page is says /proc/PID/pagemap (platform/other_pages.h).

#ifndef REFPAGE_TOOLS_REFPAGE_PROCESS_BLOCKS_H_
#define REFPAGE_TOOLS_REFPAGE_PROCESS_BLOCKS_H_

#include <stdint.h>

#include <string>
#include <vector>

namespace refpage {

// Bytes of whole pages. Each page is in one of these.
struct PageUse {
  uint64_t Untouched = 0; // Clean, and not there.
  uint64_t Read = 0;      // Clean, but there: a page of a window, or of zeros.
  uint64_t Written = 0;   // The process's own, where pages were clean at first.
  uint64_t Filled = 0;    // The same where the allocator has written them all.
  uint64_t Shared = 0;    // Written, and somebody else's too: after a fork.
  uint64_t Swapped = 0;

  uint64_t clean() const { return Untouched + Read; }
  uint64_t all() const {
    return Untouched + Read + Written + Filled + Shared + Swapped;
  }
  void add(const PageUse &Other);
};

struct FoundBlock {
  uint64_t Base = 0; // Of the committed pages, the headers' included.
  uint64_t Size = 0; // Theirs.
  // What the program asked for; 0: not known.
  uint64_t Asked = 0;
  std::string Backend; // As statistics call it.
  bool ViewsWindow = false;
  // In anonymous memory the allocator may have written; bytes from Base on.
  uint64_t FilledFront = 0;
  PageUse Pages;
};

// A file of reference pages.
struct FoundWindow {
  uint64_t Inode = 0;
  bool IsKernelMade = false;
  // Whether the process still has its descriptor; if not its size is that of
  // what is mapped, and the memory that it takes is taken to be the same.
  bool IsOpen = false;
  uint64_t Size = 0;
  uint64_t Memory = 0;
  uint64_t Mappings = 0;
};

struct ProcessBlocks {
  std::string Name; // Of the process.
  // Whether block boundaries are from headers. Otherwise Live has blocks that
  // view windows alone.
  bool HasHeaders = false;
  // Whether every link of a header leads to a block in Live.
  bool IsComplete = false;
  // Whether pages of zeros are told from Shared (Linux 6.7).
  bool KnowsZeroPage = false;
  std::vector<FoundBlock> Live;
  // Freed and kept for reuse: those that view windows, and those that still
  // have the header of their last use. Neighbours that are inaccessible look
  // like one, with the guard pages between them.
  std::vector<FoundBlock> Kept;
  std::vector<FoundWindow> Windows;
  // As smaps accounts the mappings of Live: bytes.
  uint64_t Resident = 0;
  uint64_t Proportional = 0;
  uint64_t Huge = 0;
};

// What `refpage report` ends with, besides what all subcommands do.
enum ReportStatus : int {
  NoProcess = 3,
  NoPermission = 4,
  NotOurs = 5,
};

// Looks at process Pid. Throws a Failure with one of these as its status.
// MapsOnly: as if its memory could not be read.
ProcessBlocks findBlocks(int Pid, bool MapsOnly);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_PROCESS_BLOCKS_H_
