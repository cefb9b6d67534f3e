// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whether this process tags its memory, and if not, why: decided when the heap
// starts. The heap is tagged as a whole: upstream's Primary, and our large
// blocks.

#ifndef REFPAGE_ALLOCATOR_TAGGING_H_
#define REFPAGE_ALLOCATOR_TAGGING_H_

#include "platform/memory_tag.h"

#include "string_utils.h"

namespace refpage {

// What the user asked for. Auto: the mode that the process has already (glibc
// sets it where GLIBC_TUNABLES has glibc.mem.tagging), or else sync.
enum class TagRequest : u8 { Auto, Off, Async, Sync };

// The tag of a large block's headers, as upstream's: no block has it, nor 0,
// which is that of chunk headers and of memory that was never tagged.
constexpr u8 HeaderTag = mayHaveMemoryTags() ? 2 : 0;
constexpr u32 ReservedTags = 1U << 0 | 1U << HeaderTag;

// Turns tag checks on for the calling thread and all that it will start, if
// that can be: once, before anything was allocated. Returns whether the heap is
// to be tagged.
bool startTagging(TagRequest Asked);
// The program, or its C library, ends it, for good; checks are off already.
// Before the start it keeps that from having an effect.
void stopTagging();

// Whether large blocks get tags. False in a heap that did not start it, such as
// those of upstream's tests.
bool areBlocksTagged();

// Lines for the statistics: what is on, or off and why. None where the build
// can have no tags.
void appendTaggingReport(scudo::ScopedString *Str);

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_TAGGING_H_
