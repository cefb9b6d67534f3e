// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the allocator says at the exit of each process of a command: it appends
// lines to a file (its options `log` and `stats=json`).

#ifndef REFPAGE_TOOLS_REFPAGE_LIBRARY_LOG_H_
#define REFPAGE_TOOLS_REFPAGE_LIBRARY_LOG_H_

#include "tools/refpage/json_output.h"

#include <string>
#include <vector>

namespace refpage {

// A file in a folder of its own, for as long as this exists. Only the user can
// read and write it.
class LibraryLog {
public:
  // Throws a Failure.
  LibraryLog();
  ~LibraryLog();
  LibraryLog(const LibraryLog &) = delete;
  void operator=(const LibraryLog &) = delete;

  // For REFPAGE_OPTIONS: "log=FILE".
  std::string getOption() const { return "log=" + Path; }
  // One line each, of which some may come from what else writes there.
  std::vector<std::string> readLines() const;

private:
  std::string Folder;
  std::string Path;
};

// The JSON objects (allocator/stats_json.h) among the lines.
std::vector<Json> parseStats(const std::vector<std::string> &Lines);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_LIBRARY_LOG_H_
