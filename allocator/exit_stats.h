// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The statistics block at the exit of the process (stats=1 or json).

#ifndef REFPAGE_ALLOCATOR_EXIT_STATS_H_
#define REFPAGE_ALLOCATOR_EXIT_STATS_H_

namespace refpage {

// Called when the heap works. If the options ask for statistics it keeps a way
// to where they shall go (log=FILE, or standard error) until the process exits,
// when they are written there, by one call.
void initExitStats();

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_EXIT_STATS_H_
