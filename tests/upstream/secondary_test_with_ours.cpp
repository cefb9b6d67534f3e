// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs upstream's secondary_test.cpp, unedited, on this project's Secondary:
// the test names the class it tests scudo::MapAllocator, so that name is
// replaced once every header that defines or uses upstream's own is in.

#include "scudo/standalone/memtag.h"
#include "scudo/standalone/tests/scudo_unit_test.h"

#include "scudo/standalone/allocator_config.h"
#include "scudo/standalone/allocator_config_wrapper.h"
#include "scudo/standalone/secondary.h"

#include "allocator/secondary.h"

namespace scudo {
template <typename Config> using RefpageSecondary = refpage::Secondary<Config>;
} // namespace scudo

#define MapAllocator RefpageSecondary
// NOLINTNEXTLINE(bugprone-suspicious-include)
#include "scudo/standalone/tests/secondary_test.cpp"
