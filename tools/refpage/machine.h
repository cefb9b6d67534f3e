// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What of this machine, and of this process in it, bears on reference pages.

#ifndef REFPAGE_TOOLS_REFPAGE_MACHINE_H_
#define REFPAGE_TOOLS_REFPAGE_MACHINE_H_

#include "tools/refpage/json_output.h"

#include <string>
#include <vector>

namespace refpage {

// One thing, for people and for programs.
struct MachineFact {
  const char *Key;   // Of JSON.
  const char *Label; // Of the table.
  Json Value;        // null: it cannot be found out.
  std::string Text;
};

std::vector<MachineFact> describeMachine();

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_MACHINE_H_
