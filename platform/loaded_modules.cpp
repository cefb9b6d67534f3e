// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/loaded_modules.h"

#include "platform/parked_fd.h"
#include "platform/scoped_errno.h"

#include <string.h>
#include <unistd.h>

namespace refpage {
namespace {

// Reads a number in hex and moves *Text behind it and the character that
// follows.
uptr readHex(const char **Text) {
  uptr Number = 0;
  for (;; ++*Text) {
    const char C = **Text;
    if (C >= '0' && C <= '9')
      Number = Number << 4 | static_cast<uptr>(C - '0');
    else if (C >= 'a' && C <= 'f')
      Number = Number << 4 | static_cast<uptr>(C - 'a' + 10);
    else
      break;
  }
  if (**Text)
    ++*Text;
  return Number;
}

} // namespace

// 7f1c2000-7f1c3000 r-xp 00002000 fe:00 1234    /usr/lib/file.so
void LoadedModules::readLine(const char *Line) {
  const uptr Base = readHex(&Line);
  const uptr End = readHex(&Line);
  const bool IsCode = strlen(Line) > 3 && Line[2] == 'x';
  const char *Path = strpbrk(Line, "/[");
  if (!Path)
    return;
  if (Paths.empty() || strcmp(Paths.data() + LastPath, Path) != 0) {
    LastPath = Paths.size();
    LastBase = Base;
    for (uptr I = 0; I <= strlen(Path); I++)
      Paths.push_back(Path[I]);
  }
  if (IsCode)
    Modules.push_back({LastBase, Base, End, LastPath});
}

void LoadedModules::load() {
  ScopedErrno KeepErrno;
  KeptFile Maps;
  if (openParked("/proc/self/maps", &Maps) != 0)
    return;
  // A path has at most 4095 bytes, what is before it 73. On the heap of nobody,
  // for threads with small stacks.
  scudo::Vector<char, 1> Text;
  constexpr uptr Room = 16UL << 10;
  Text.resize(Room);
  uptr Kept = 0;
  while (Text.size() == Room) {
    const ssize_t Got = read(Maps.Fd, Text.data() + Kept, Room - 1 - Kept);
    if (Got <= 0)
      break;
    char *Line = Text.data();
    char *const End = Line + Kept + Got;
    *End = '\0';
    while (char *LineEnd = strchr(Line, '\n')) {
      *LineEnd = '\0';
      readLine(Line);
      Line = LineEnd + 1;
    }
    Kept = static_cast<uptr>(End - Line);
    memmove(Text.data(), Line, Kept);
  }
  giveUp(&Maps);
}

const LoadedModules::Module *LoadedModules::find(uptr Address) const {
  for (const Module &M : Modules)
    if (Address >= M.CodeBase && Address < M.CodeEnd)
      return &M;
  return nullptr;
}

} // namespace refpage
