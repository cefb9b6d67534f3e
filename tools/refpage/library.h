// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the allocator's library is.

#ifndef REFPAGE_TOOLS_REFPAGE_LIBRARY_H_
#define REFPAGE_TOOLS_REFPAGE_LIBRARY_H_

#include <string>

namespace refpage {

// The absolute path of libscudo_refpage.so: Given (--library) if it is not
// empty, else $REFPAGE_LIBRARY, else what was installed with this program or
// built with it. Throws a Failure that says where it was looked for, also if
// the path cannot be named in LD_PRELOAD.
std::string findLibrary(const std::string &Given);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_LIBRARY_H_
