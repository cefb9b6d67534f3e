// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The statistics block as text.

#ifndef REFPAGE_ALLOCATOR_STATS_TEXT_H_
#define REFPAGE_ALLOCATOR_STATS_TEXT_H_

#include "allocator/options.h"
#include "refpage_backend/stats.h"

#include "string_utils.h"

namespace refpage {

// Appends a number of bytes as "512 B", "1.0 MiB": cut off, not rounded.
void appendBytes(scudo::ScopedString *Str, uptr Bytes);

// Appends the block: which backend served how many blocks and bytes, what was
// and was not filled, what the windows take, and what failed and why. One line
// for a process without large blocks: a script starts many.
void appendBackendStats(const Options &Asked, const BackendStats &Stats,
                        scudo::ScopedString *Str);

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_STATS_TEXT_H_
