// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/library.h"

#include "tools/refpage/failure.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace refpage {
namespace {

constexpr char FileName[] = "libscudo_refpage.so";

#if defined(__x86_64__)
#define REFPAGE_TRIPLET "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define REFPAGE_TRIPLET "aarch64-linux-gnu"
#endif

// "": there is no such file.
std::string resolve(const std::string &Path) {
  char Resolved[PATH_MAX];
  return realpath(Path.c_str(), Resolved) ? Resolved : "";
}

std::string getFolderOfProgram() {
  std::string Program = resolve("/proc/self/exe");
  // Without /proc: as it was started.
  if (Program.empty())
    if (const unsigned long Name = getauxval(AT_EXECFN))
      Program = resolve(reinterpret_cast<const char *>(Name));
  return Program.substr(0, Program.rfind('/'));
}

std::string searchBesideProgram() {
  const std::string Folder = getFolderOfProgram();
  // Installed: by its default, as Debian has it, and as others do.
  std::vector<std::string> Places = {Folder + "/../lib/",
                                     Folder + "/../lib/" REFPAGE_TRIPLET "/",
                                     Folder + "/../lib64/"};
  // Built: where Bazel puts both. Links to data beside the program are there
  // only after `bazel build` of this program, not of a test that runs it.
  const std::string Built = "/tools/refpage";
  const size_t Root = Folder.size() - std::min(Folder.size(), Built.size());
  if (Folder.compare(Root, std::string::npos, Built) == 0)
    Places.push_back(Folder.substr(0, Root) + "/allocator/");
  for (const std::string &Place : Places) {
    const std::string Path = resolve(Place + FileName);
    if (!Path.empty())
      return Path;
  }
  throw Failure(std::string("cannot find ") + FileName + " near " + Folder +
                ": name it with --library or in REFPAGE_LIBRARY");
}

std::string resolveNamed(const char *Name, const std::string &Path) {
  const std::string Resolved = resolve(Path);
  if (Resolved.empty())
    throw Failure(std::string(Name) + ": " + Path + ": " + strerror(errno));
  return Resolved;
}

} // namespace

std::string findLibrary(const std::string &Given) {
  const char *FromEnvironment = getenv("REFPAGE_LIBRARY");
  const std::string Path =
      !Given.empty() ? resolveNamed("--library", Given)
      : FromEnvironment && *FromEnvironment
          ? resolveNamed("REFPAGE_LIBRARY", FromEnvironment)
          : searchBesideProgram();
  if (access(Path.c_str(), R_OK) != 0)
    throw Failure(Path + ": " + strerror(errno));
  // The dynamic linker takes these for separators, and knows no escape.
  if (Path.find_first_of(" \t\n:") != std::string::npos)
    throw Failure("LD_PRELOAD cannot name a path with a space or a colon: " +
                  Path);
  return Path;
}

} // namespace refpage
