// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the allocator would choose for a block, by asking what it asks.

#ifndef REFPAGE_TOOLS_REFPAGE_CHOICES_H_
#define REFPAGE_TOOLS_REFPAGE_CHOICES_H_

#include "allocator/options.h"

#include <string>
#include <vector>

namespace refpage {

struct ChosenBackend {
  uptr BlockBytes;
  std::string Use;  // What is known of blocks of that size.
  std::string Name; // The backend that serves it, or "" if there is no memory.
  std::string Reason; // Completes "because".
  std::string Error;  // What failed, if the reason is a failure.
  uptr Mappings;      // Of the first such block.
};

// For blocks of some sizes and uses, with these options.
std::vector<ChosenBackend> askForChoices(const Options &Asked);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_CHOICES_H_
