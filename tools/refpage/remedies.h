// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What would make a backend work that does not.

#ifndef REFPAGE_TOOLS_REFPAGE_REMEDIES_H_
#define REFPAGE_TOOLS_REFPAGE_REMEDIES_H_

#include <string>

namespace refpage {

// Name: as `refpage probe` has it. Error: of WindowMaker::Make(). "" if nothing
// is known that would.
std::string getRemedy(const std::string &Name, int Error);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_REMEDIES_H_
