// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of functions and lines for addresses of code, by addr2line(1) of
// binutils or llvm-symbolizer(1), whichever is there.

#ifndef REFPAGE_TOOLS_REFPAGE_SYMBOLIZER_H_
#define REFPAGE_TOOLS_REFPAGE_SYMBOLIZER_H_

#include "tools/refpage/uninit_log.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace refpage {

// "": not known.
struct CodeLocation {
  std::string Function;
  std::string File;
  unsigned Line = 0; // 0: not known.
};

class Symbolizer {
public:
  // Looks up return addresses: the locations are those of the calls before
  // them. Where nothing is known of one there is nothing.
  void load(const std::vector<CodeAddress> &Addresses);
  CodeLocation find(const CodeAddress &Address) const;
  // Whether one of the programs was there, if one was needed.
  bool isMissing() const { return Missing; }

private:
  void loadModule(const std::string &Module,
                  const std::vector<uint64_t> &Offsets);

  std::map<std::pair<std::string, uint64_t>, CodeLocation> Found;
  bool Missing = false;
};

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_SYMBOLIZER_H_
