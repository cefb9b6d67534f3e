// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/symbolizer.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

extern char **environ;

namespace refpage {
namespace {

// What a file's first byte in memory has for an address in it: 0, but in
// programs for a fixed address.
uint64_t getFirstAddress(const std::string &Module) {
  std::ifstream File(Module, std::ios::binary);
  Elf64_Ehdr Header = {};
  File.read(reinterpret_cast<char *>(&Header), sizeof(Header));
  if (!File || Header.e_ident[EI_CLASS] != ELFCLASS64 ||
      Header.e_phentsize != sizeof(Elf64_Phdr))
    return 0;
  File.seekg(static_cast<std::streamoff>(Header.e_phoff));
  for (int I = 0; I != Header.e_phnum; I++) {
    Elf64_Phdr Part = {};
    File.read(reinterpret_cast<char *>(&Part), sizeof(Part));
    constexpr uint64_t PageMask = 4095;
    if (File && Part.p_type == PT_LOAD)
      return (Part.p_vaddr - Part.p_offset) & ~PageMask;
  }
  return 0;
}

// What the command writes to stdout. False if it cannot be run or fails.
bool runProgram(std::vector<std::string> Words, std::string *Output) {
  std::vector<char *> Arguments;
  Arguments.reserve(Words.size() + 1);
  for (std::string &Word : Words)
    Arguments.push_back(Word.data());
  Arguments.push_back(nullptr);
  int Ends[2];
  if (pipe2(Ends, O_CLOEXEC) != 0)
    return false;
  posix_spawn_file_actions_t Actions;
  posix_spawn_file_actions_init(&Actions);
  posix_spawn_file_actions_addopen(&Actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&Actions, Ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&Actions, STDERR_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  pid_t Pid;
  const int Error = posix_spawnp(&Pid, Arguments[0], &Actions, nullptr,
                                 Arguments.data(), environ);
  posix_spawn_file_actions_destroy(&Actions);
  close(Ends[1]);
  Output->clear();
  char Part[4096];
  for (ssize_t Got; !Error && ((Got = read(Ends[0], Part, sizeof(Part))) > 0 ||
                               (Got == -1 && errno == EINTR));)
    if (Got > 0)
      Output->append(Part, static_cast<size_t>(Got));
  close(Ends[0]);
  if (Error)
    return false;
  int Status = 0;
  while (waitpid(Pid, &Status, 0) == -1 && errno == EINTR)
    ;
  return WIFEXITED(Status) && WEXITSTATUS(Status) == 0;
}

// "FILE:LINE", "FILE:LINE (discriminator 2)", "FILE:LINE:COLUMN", "??:0".
void parseLine(std::string Text, bool HasColumn, CodeLocation *Location) {
  Text = Text.substr(0, Text.find(" ("));
  if (HasColumn)
    Text = Text.substr(0, Text.rfind(':'));
  const size_t Colon = Text.rfind(':');
  if (Colon == std::string::npos || Text.compare(0, 2, "??") == 0)
    return;
  Location->File = Text.substr(0, Colon);
  Location->Line =
      static_cast<unsigned>(strtoul(Text.c_str() + Colon + 1, nullptr, 10));
}

struct Tool {
  const char *Name;
  std::vector<std::string> Options; // The module's name follows.
  bool HasColumn;
};

// Both print two lines for each address: the function's and the source's.
const Tool Tools[] = {
    {"addr2line", {"-C", "-f", "-e"}, false},
    {"llvm-symbolizer",
     {"--output-style=GNU", "--no-inlines", "--functions=linkage", "-C", "-e"},
     true},
    {"llvm-symbolizer-19",
     {"--output-style=GNU", "--no-inlines", "--functions=linkage", "-C", "-e"},
     true},
};

} // namespace

void Symbolizer::loadModule(const std::string &Module,
                            const std::vector<uint64_t> &Offsets) {
  struct stat Status;
  if (Module[0] != '/' || stat(Module.c_str(), &Status) != 0)
    return; // Gone, or of the kernel's own ([vdso]).
  const uint64_t First = getFirstAddress(Module);
  std::vector<std::string> Addresses;
  for (uint64_t Offset : Offsets) {
    char Text[32];
    snprintf(Text, sizeof(Text), "0x%" PRIx64, First + Offset - 1);
    Addresses.push_back(Text);
  }
  for (const Tool &T : Tools) {
    std::vector<std::string> Words = {T.Name};
    Words.insert(Words.end(), T.Options.begin(), T.Options.end());
    Words.push_back(Module);
    Words.insert(Words.end(), Addresses.begin(), Addresses.end());
    std::string Output;
    if (!runProgram(Words, &Output))
      continue;
    std::istringstream Stream(Output);
    for (uint64_t Offset : Offsets) {
      CodeLocation Location;
      std::string Source;
      if (!std::getline(Stream, Location.Function) ||
          !std::getline(Stream, Source))
        return;
      if (Location.Function.compare(0, 2, "??") == 0)
        Location.Function.clear();
      parseLine(Source, T.HasColumn, &Location);
      Found[{Module, Offset}] = Location;
    }
    return;
  }
  Missing = true;
}

void Symbolizer::load(const std::vector<CodeAddress> &Addresses) {
  std::map<std::string, std::set<uint64_t>> ByModule;
  for (const CodeAddress &A : Addresses)
    if (!A.Module.empty())
      ByModule[A.Module].insert(A.Offset);
  // What a command line has room for, many times over.
  constexpr size_t MostAtATime = 1000;
  for (const auto &[Module, Offsets] : ByModule) {
    std::vector<uint64_t> Part;
    for (uint64_t Offset : Offsets) {
      Part.push_back(Offset);
      if (Part.size() == MostAtATime) {
        loadModule(Module, Part);
        Part.clear();
      }
    }
    if (!Part.empty())
      loadModule(Module, Part);
  }
}

CodeLocation Symbolizer::find(const CodeAddress &Address) const {
  const auto At = Found.find({Address.Module, Address.Offset});
  return At == Found.end() ? CodeLocation() : At->second;
}

} // namespace refpage
