// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the density model sees, counted for somebody outside (density=FILE):
// how much of the large blocks of each size was written.
//
// FILE is a memory file of the watcher's, which the process maps shared and
// counts in. So nothing is lost when the process crashes, calls _exit() or
// becomes another program, the children of a fork count too, and so does every
// program that is started with the option. Nothing is written anywhere else.

#ifndef REFPAGE_ALLOCATOR_DENSITY_TRACE_H_
#define REFPAGE_ALLOCATOR_DENSITY_TRACE_H_

#include "platform/types.h"

#include "atomic_helpers.h"

namespace refpage {

// Sizes of large blocks: four classes for each doubling.
constexpr u32 NumDensityClasses = 4 * 40;
// The class of a size in bytes, and the least size of a class.
u32 getDensityClass(uptr Size);
uptr getLeastSize(u32 Class);

// When a block was looked at.
enum class Looked : u8 {
  // At free(): one that was used once, and all of whose pages were clean at
  // first.
  AtFree,
  // When it was used again: what was put back tells what had been written.
  AtReuse,
  // When the process exited, in use still.
  AtExit,
};
constexpr u32 NumLooked = 3;

// How FILE begins. All counts are sums over all processes.
struct DensityCounts {
  // 0 in a new file, and set by the first process; one of another version does
  // not count in it. Changes with this layout.
  static constexpr u64 ExpectedVersion = 0x7265667061676501;
  // Tenths of a block, and one for blocks that were written whole.
  static constexpr u32 NumShares = 11;

  struct SizeClass {
    scudo::atomic_u64 Freed;
    // In use at an exit, and not to be looked at: pages of such a block were
    // written before the program had it.
    scudo::atomic_u64 Unknown;
    scudo::atomic_u64 Blocks[NumLooked];
    // Of these blocks, bytes: all, written, and written from the start on
    // without a gap.
    scudo::atomic_u64 Bytes;
    scudo::atomic_u64 Written;
    scudo::atomic_u64 Front;
    scudo::atomic_u64 Shares[NumShares];
  };

  scudo::atomic_u64 Version;
  scudo::atomic_u64 Programs; // That count here.
  SizeClass Classes[NumDensityClasses];
};

// Called when the heap works: begins to count, if the option says so and FILE
// is a memory file that cannot shrink. Says nothing if it is not.
void initDensityTrace();

// A block of Size bytes is freed.
void traceFree(uptr Size);
// Bytes as in DensityCounts.
void traceDensity(Looked When, uptr Size, uptr Written, uptr Front);
void traceUnknown(uptr Size);

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_DENSITY_TRACE_H_
