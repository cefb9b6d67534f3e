// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows on any stock kernel, unprivileged: sealed memory files.

#ifndef REFPAGE_BACKEND_MEMFD_WINDOW_H_
#define REFPAGE_BACKEND_MEMFD_WINDOW_H_

#include "refpage_backend/window.h"

namespace refpage {

extern const WindowMaker MemfdWindowMaker;

} // namespace refpage

#endif // REFPAGE_BACKEND_MEMFD_WINDOW_H_
