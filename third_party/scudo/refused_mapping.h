// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Included in front of upstream's mem_map_linux.cpp, by the compiler's
// -include.
//
// When its Primary needs more memory upstream asks for a null pointer should
// there be none (MAP_ALLOWNOMEM), and is prepared for it: malloc() then returns
// one. But MemMapLinux::remapImpl(), which is what the Primary calls, takes
// that null pointer for a mapping at the wrong address, and ends the process
// (LLVM 19; "internal map failure"). Here it returns false.

#ifndef REFPAGE_THIRD_PARTY_SCUDO_REFUSED_MAPPING_H_
#define REFPAGE_THIRD_PARTY_SCUDO_REFUSED_MAPPING_H_

#include "report_linux.h"

#include <errno.h>

namespace refpage {

// As called by mmapWrapper(), which has looked whether it may fail.
inline void reportRefusedMapping(scudo::uptr SizeIfOOM) {
  scudo::reportMapError(SizeIfOOM);
}

// As called by remapImpl(): mmap() alone came before.
inline void reportRefusedMapping() {
  if (errno != ENOMEM)
    scudo::reportMapError();
}

} // namespace refpage

#define reportMapError(...)                                                    \
  do {                                                                         \
    refpage::reportRefusedMapping(__VA_ARGS__);                                \
    return {};                                                                 \
  } while (false)

#endif // REFPAGE_THIRD_PARTY_SCUDO_REFUSED_MAPPING_H_
