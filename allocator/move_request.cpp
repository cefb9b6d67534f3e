// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/move_request.h"

namespace refpage {
namespace {

thread_local MoveRequest *Pending;

} // namespace

MoveRequest::MoveRequest(void *Block, uptr Bytes)
    : OldBlock(Block), KeptBytes(Bytes) {
  Pending = this;
}

MoveRequest::~MoveRequest() { Pending = nullptr; }

MoveRequest *MoveRequest::take() {
  MoveRequest *Taken = Pending;
  Pending = nullptr;
  return Taken;
}

} // namespace refpage
