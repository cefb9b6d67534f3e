// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every way to back a block, tried on this machine and timed.

#ifndef REFPAGE_TOOLS_REFPAGE_BACKEND_TRIALS_H_
#define REFPAGE_TOOLS_REFPAGE_BACKEND_TRIALS_H_

#include "platform/types.h"

#include <string>
#include <vector>

namespace refpage {

constexpr uptr TrialBlockSize = 1UL << 20;

// Of a block, from its mapping to its unmapping, in seconds; medians.
struct BlockCost {
  double Untouched = 0;
  double OnePercentWritten = 0; // Pages all over it, of which a byte each.
  double AllWritten = 0;        // The same of all pages.
};

struct Trial {
  std::string Name; // As the option `backend` or the statistics have it.
  bool Works = false;
  std::string Reason; // Why it does not work; "" if it does.
  std::string Remedy; // What would make it work; "" if that is not known.
  // Of a block of TrialBlockSize, if it works:
  double FirstSeconds = 0; // The first one, whose windows have to be made.
  BlockCost Cost;          // Later ones.
  uptr Mappings = 0;
  uptr FilledBytes = 0; // Written before it is handed out.
  uptr WindowBytes = 0; // What its windows take, shared by all blocks.
};

// In the order in which the allocator would like them; the last two, memory
// filled for dense use and memory that nobody fills, are there to compare with.
// Takes some tenths of a second.
std::vector<Trial> tryBackends(u64 Pattern, uptr MaxWindowSize);

// A loop that stores memory tags, and what it takes to tag TrialBlockSize of
// resident memory.
struct TagLoopCost {
  std::string Name;
  double Seconds;
};

// Empty where there are no memory tags.
std::vector<TagLoopCost> timeTagLoops();

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_BACKEND_TRIALS_H_
