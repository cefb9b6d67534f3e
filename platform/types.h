// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scudo's integer types, which everything here speaks.

#ifndef REFPAGE_PLATFORM_TYPES_H_
#define REFPAGE_PLATFORM_TYPES_H_

#include "common.h"
#include "internal_defs.h"

namespace refpage {

using scudo::s32;
using scudo::sptr;
using scudo::u16;
using scudo::u32;
using scudo::u64;
using scudo::u8;
using scudo::uptr;

} // namespace refpage

#endif // REFPAGE_PLATFORM_TYPES_H_
