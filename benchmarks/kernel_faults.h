// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef REFPAGE_BENCHMARKS_KERNEL_FAULTS_H
#define REFPAGE_BENCHMARKS_KERNEL_FAULTS_H

namespace bench {

// METHOD processes|threads COUNT USE MEGATICKS: each of them takes a block,
// uses its pages, gives it back, for so long. Prints how long a page takes, of
// all of them together: by the median of each one's cycles, which hardly
// changes when the real machine is busy, and by the mean, which tells whether
// it was. The method `loop` takes no block and computes instead: what the
// machine itself gives. Returns the exit status.
int measureFaults(char **Arguments);

} // namespace bench

#endif // REFPAGE_BENCHMARKS_KERNEL_FAULTS_H
