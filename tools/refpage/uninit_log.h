// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the library writes with uninit=report, read back. The form of the lines
// is in docs/uninitialised-reads.md.

#ifndef REFPAGE_TOOLS_REFPAGE_UNINIT_LOG_H_
#define REFPAGE_TOOLS_REFPAGE_UNINIT_LOG_H_

#include <stdint.h>

#include <string>
#include <vector>

namespace refpage {

// A return address: an offset from the first byte in memory of a file, or an
// address if Module is empty.
struct CodeAddress {
  std::string Module;
  uint64_t Offset = 0;

  bool operator==(const CodeAddress &Other) const {
    return Offset == Other.Offset && Module == Other.Module;
  }
};

// Of blocks of one size that one call stack allocated.
struct UninitFinding {
  uint64_t Size = 0;   // Bytes.
  uint64_t Blocks = 0; // Those with reads.
  // Pages if IsExact, else reads, at least.
  uint64_t Reads = 0;
  bool IsExact = true;
  // From and to, in bytes of the user's memory, of the first such block.
  std::vector<std::pair<uint64_t, uint64_t>> Ranges;
  bool HasMoreRanges = false;
  std::vector<CodeAddress> Callers; // The innermost first; empty: not known.
  uint64_t Processes = 1;
};

struct UninitProcess {
  std::string Name;
  int Pid = 0;
  // False where the options are such that nothing is.
  bool IsWatched = true;
  uint64_t WatchedBlocks = 0;
  uint64_t WatchedBytes = 0;
  // Those in which a read is known to PagesARead pages only.
  uint64_t VagueBlocks = 0;
  uint64_t PagesARead = 1;
  uint64_t FilledBlocks = 0;
  uint64_t FilledBytes = 0;
  uint64_t UnknownBlocks = 0;
  uint64_t LostReads = 0;
};

struct UninitLog {
  std::vector<UninitProcess> Processes;
  // Of all processes, those that are alike as one; most reads first.
  std::vector<UninitFinding> Findings;
};

// Lines that are none of it are passed over.
UninitLog parseUninitLog(const std::vector<std::string> &Lines);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_UNINIT_LOG_H_
