// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is printed at the exit of the process: the statistics block (stats=1 or
// json), and what uninit=report has found.

#ifndef REFPAGE_ALLOCATOR_EXIT_STATS_H_
#define REFPAGE_ALLOCATOR_EXIT_STATS_H_

namespace refpage {

// Called when the heap works. If the options ask for either it keeps a way
// to where they shall go (log=FILE, or standard error) until the process exits,
// when they are written there, by one call.
void initExitStats();

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_EXIT_STATS_H_
