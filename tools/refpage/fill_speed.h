// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What filling fresh memory costs on this machine.

#ifndef REFPAGE_TOOLS_REFPAGE_FILL_SPEED_H_
#define REFPAGE_TOOLS_REFPAGE_FILL_SPEED_H_

namespace refpage {

// Bytes a second of a memset of memory that was just mapped, page faults and
// all: the best of three of 16 MiB, which takes some 20 ms. As the allocator's
// variant memset does it, huge pages included where the machine gives them to
// all. Throws a Failure if there is no memory.
double measureFillSpeed();

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_FILL_SPEED_H_
