// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/heap_tagging.h"

#include "allocator/heap.h"
#include "allocator/tagging.h"
#include "platform/process_lock.h"
#include "platform/process_tag_checks.h"

namespace refpage {
namespace {

// A level must be whole before the next begins.
ProcessLock LevelLock;

bool switchTo(TagChecks Mode) {
  return setTagChecksEverywhere(Mode).Error == 0;
}

} // namespace

int setHeapTaggingLevel(int Level) {
  ScopedProcessLock L(LevelLock);
  TheHeap.canReturnNull(); // Which starts the heap, if nobody has.
  if (!areBlocksTagged())
    return Level == LevelNone;
  switch (Level) {
  case LevelNone: {
    const TagChecks Before = getTagChecks();
    if (!switchTo(TagChecks::Off)) {
      switchTo(Before);
      return 0;
    }
    TheHeap.disableMemoryTagging();
    return 1;
  }
  case LevelAsync:
    if (!switchTo(TagChecks::Async))
      return 0;
    TheHeap.setTrackAllocationStacks(false);
    return 1;
  case LevelSync:
    if (!switchTo(TagChecks::Sync))
      return 0;
    TheHeap.setTrackAllocationStacks(true);
    return 1;
  default:
    return 0;
  }
}

} // namespace refpage
