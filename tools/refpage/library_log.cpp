// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/library_log.h"

#include "tools/refpage/failure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fstream>

namespace refpage {

LibraryLog::LibraryLog() {
  const char *Given = getenv("TMPDIR");
  Folder = Given && *Given ? Given : "/tmp";
  // The library parts options by colons, and takes 255 bytes.
  constexpr size_t MostBytes = 200;
  if (Folder.find(':') != std::string::npos || Folder.size() > MostBytes ||
      Folder[0] != '/')
    Folder = "/tmp";
  Folder += "/refpage-XXXXXX";
  if (!mkdtemp(Folder.data()))
    throw Failure("cannot make a folder " + Folder + ": " + strerror(errno));
  Path = Folder + "/log";
}

LibraryLog::~LibraryLog() {
  unlink(Path.c_str());
  rmdir(Folder.c_str());
}

std::vector<std::string> LibraryLog::readLines() const {
  std::vector<std::string> Lines;
  std::ifstream File(Path);
  for (std::string Line; std::getline(File, Line);)
    Lines.push_back(Line);
  return Lines;
}

std::vector<Json> parseStats(const std::vector<std::string> &Lines) {
  std::vector<Json> Objects;
  for (const std::string &Line : Lines) {
    Json Object = Json::parse(Line, nullptr, /*allow_exceptions=*/false);
    if (Object.is_object() && Object.value("report", "") == "stats")
      Objects.push_back(std::move(Object));
  }
  return Objects;
}

} // namespace refpage
