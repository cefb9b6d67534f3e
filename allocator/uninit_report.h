// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What uninit=report prints at exit.

#ifndef REFPAGE_ALLOCATOR_UNINIT_REPORT_H_
#define REFPAGE_ALLOCATOR_UNINIT_REPORT_H_

#include "allocator/uninit_reads.h"

#include "string_utils.h"

namespace refpage {

// Counts in the blocks that are in use and appends all that was found, with
// addresses of code as file and distance from its first byte in memory.
// `refpage uninit` reads it: docs/uninitialised-reads.md has the form of the
// lines.
void appendUninitReport(scudo::ScopedString *Str);

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_UNINIT_REPORT_H_
