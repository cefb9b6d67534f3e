// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/process_tag_checks.h"

namespace refpage {

// In a signal handler: prctl() alone.
static int setHere(uptr Argument, bool *HadToAct) {
  const auto Mode = static_cast<TagChecks>(Argument);
  *HadToAct = getTagChecks() != Mode;
  return setTagChecks(Mode);
}

AllThreadsResult setTagChecksEverywhere(TagChecks Mode) {
  return runOnAllThreads(setHere, static_cast<uptr>(Mode));
}

} // namespace refpage
