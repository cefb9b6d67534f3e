// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/move_request.h"

#if SCUDO_HAS_PLATFORM_TLS_SLOT
// Of the platform, as upstream's scudo_platform_tls_slot.h: for a C library
// that can have no thread_local variables of its own. Declares
//   uintptr_t *getPlatformMoveRequestTlsSlot()
// which returns the address of a word of the thread's that is ours alone, and 0
// in a new thread.
#include "refpage_platform_tls_slot.h"
#endif

namespace refpage {
namespace {

#if SCUDO_HAS_PLATFORM_TLS_SLOT
MoveRequest *getPending() {
  return reinterpret_cast<MoveRequest *>(*getPlatformMoveRequestTlsSlot());
}
void setPending(MoveRequest *Request) {
  *getPlatformMoveRequestTlsSlot() = reinterpret_cast<uintptr_t>(Request);
}
#else
thread_local MoveRequest *Pending;

MoveRequest *getPending() { return Pending; }
void setPending(MoveRequest *Request) { Pending = Request; }
#endif

} // namespace

MoveRequest::MoveRequest(void *Block, uptr Bytes)
    : OldBlock(Block), KeptBytes(Bytes) {
  setPending(this);
}

MoveRequest::~MoveRequest() { setPending(nullptr); }

MoveRequest *MoveRequest::take() {
  MoveRequest *Taken = getPending();
  if (Taken)
    setPending(nullptr);
  return Taken;
}

} // namespace refpage
