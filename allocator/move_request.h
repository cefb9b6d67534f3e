// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a realloc() of a large block tells the Secondary to move the old block's
// pages into the new one, or copy them where it cannot: the call that makes the
// new block goes through upstream's allocator, which knows nothing of it.

#ifndef REFPAGE_ALLOCATOR_MOVE_REQUEST_H_
#define REFPAGE_ALLOCATOR_MOVE_REQUEST_H_

#include "platform/types.h"

namespace refpage {

// For the next block that this thread makes in the Secondary, while it exists.
// One a thread.
class MoveRequest {
public:
  // KeptBytes: of the user's, the same in the new block as in the old one.
  MoveRequest(void *OldBlock, uptr KeptBytes);
  ~MoveRequest();
  MoveRequest(const MoveRequest &) = delete;
  MoveRequest &operator=(const MoveRequest &) = delete;

  // The thread's request, the first time it is asked for; nullptr if there is
  // none.
  static MoveRequest *take();

  void *const OldBlock;
  const uptr KeptBytes;
  bool Done = false; // The pages were moved.
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_MOVE_REQUEST_H_
