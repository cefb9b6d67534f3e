// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A freed large block that is kept for reuse, and what can be done to its
// memory meanwhile.

#ifndef REFPAGE_ALLOCATOR_KEPT_BLOCK_H_
#define REFPAGE_ALLOCATOR_KEPT_BLOCK_H_

#include "allocator/large_block.h"
#include "refpage_backend/backends.h"

namespace refpage {

// Owned by one thread at a time: none of this is done to a block that others
// can find. Where something fails that leaves no block, exists() is false after
// it; its memory and its part of a window have then been given back.
struct KeptBlock {
  BlockSpan Span;
  u64 Time = 0; // When it was freed, in ns.
  bool WasDiscarded = false;
  bool IsProtected = false;
  // Whether upstream would have unmapped it, or what it is a part of.
  bool IsLarge = false;

  bool exists() const { return Span.CommitBase != 0; }
  // Bytes of memory that it holds at most.
  uptr getBytes() const { return WasDiscarded ? 0 : Span.CommitSize; }

  // Makes the block inaccessible to those who still have pointers to it: by
  // mprotect(), or by moving its pages to an address that nobody knows,
  // whatever costs less. Returns whether it could.
  bool protect(Backends &Pages);

  // Makes it accessible, for use. False if that failed.
  bool unprotect();

  // Shortens the block to its first Size bytes, if it can, and makes a block of
  // its own of the rest but for two pages, which become guards. Returns whether
  // it did; *Rest is no longer than Span was by that.
  bool cut(uptr Size, Backends &Pages, KeptBlock *Rest);

  // Moves its last Size bytes to reserved address space at To, readable and
  // writable, and shortens the block by them and a guard page; by all if less
  // than LeastRest would be left. Only of anonymous memory. Returns whether it
  // did, and the mappings there: there is nothing of it at To otherwise.
  bool moveOut(uptr To, uptr Size, uptr LeastRest, Backends &Pages,
               u32 *Mappings);

  // Gives all of it back.
  void drop(Backends &Pages);

private:
  bool relocate(Backends &Pages);
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_KEPT_BLOCK_H_
