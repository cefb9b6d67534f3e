// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The statistics block at the exit of the process (stats=1).

#ifndef REFPAGE_ALLOCATOR_EXIT_STATS_H_
#define REFPAGE_ALLOCATOR_EXIT_STATS_H_

namespace refpage {

// Called when the heap works. With stats=1 keeps a way to standard error until
// the process exits, when the block is printed there.
void initExitStats();

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_EXIT_STATS_H_
