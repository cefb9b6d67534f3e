// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which file an address of code belongs to, from /proc/self/maps: the loader is
// not asked, since it has locks.

#ifndef REFPAGE_PLATFORM_LOADED_MODULES_H_
#define REFPAGE_PLATFORM_LOADED_MODULES_H_

#include "platform/types.h"

#include "vector.h"

namespace refpage {

// The files whose code is mapped at the time of load(). Memory comes from mmap;
// keeps errno. Not thread-safe.
class LoadedModules {
public:
  struct Module {
    uptr Base; // Of the file's first mapping.
    uptr CodeBase;
    uptr CodeEnd;
    uptr Path; // Where it starts in Paths.
  };

  // Once. Without /proc there are none.
  void load();
  // nullptr: in none.
  const Module *find(uptr Address) const;
  const char *getPath(const Module &M) const { return Paths.data() + M.Path; }

private:
  void readLine(const char *Line);

  scudo::Vector<Module, 1> Modules;
  scudo::Vector<char, 1> Paths; // Each ends in a zero.
  uptr LastPath = 0;            // Of the line before,
  uptr LastBase = 0;            // and where its mappings began.
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_LOADED_MODULES_H_
