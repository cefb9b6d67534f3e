// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/json_output.h"

#include "tools/refpage/version.h"

#include <string>

namespace refpage {

Json startReport(const char *Report) {
  return {{"report", Report}, {"version", REFPAGE_VERSION}};
}

Json listCommand(char **Command) {
  Json List = Json::array();
  for (; *Command; Command++)
    List.push_back(*Command);
  return List;
}

void writeJson(FILE *Stream, const Json &Document) {
  const std::string Text =
      Document.dump(2, ' ', false, Json::error_handler_t::replace);
  fprintf(Stream, "%s\n", Text.c_str());
}

} // namespace refpage
