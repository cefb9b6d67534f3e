// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sources of a process, one for each contents that was asked for.

#ifndef REFPAGE_BACKEND_REGISTRY_H_
#define REFPAGE_BACKEND_REGISTRY_H_

#include "refpage_backend/selector.h"
#include "refpage_backend/source.h"

namespace refpage {

// Thread-safe; finding a source takes no lock.
class Registry {
public:
  constexpr Registry() = default;

  // Called once, before any other function.
  void init(BackendRequest Request, uptr NewMaxWindowSize);

  // The source for the contents, made when first asked for; nullptr when there
  // are too many. *Index finds it again.
  Source *find(const Contents &Holds, u8 *Index) EXCLUDES(Mutex);
  Source &get(u8 Index) {
    // From a header that an overflow may have reached.
    CHECK_LT(Index, MaxSources);
    return Sources[Index];
  }

  // Adds up the counts of all sources.
  void getStats(SourceStats *Sum);
  const WindowMakers &getMakers() const { return Makers; }

  // Around fork().
  void disable() NO_THREAD_SAFETY_ANALYSIS;
  void enable() NO_THREAD_SAFETY_ANALYSIS;

  // Closes the windows of all sources.
  void close();

private:
  // Sixteen tags with the pattern and with zeros, and room for a few patterns.
  static constexpr u32 MaxSources = 40;

  Source *lookup(const Contents &Holds, u8 *Index);

  WindowMakers Makers;
  uptr MaxWindowSize = 0;
  scudo::HybridMutex Mutex; // Held to add a source.
  // Sources below the count do not change any more.
  scudo::atomic_u32 Count = {};
  Source Sources[MaxSources] = {};
};

} // namespace refpage

#endif // REFPAGE_BACKEND_REGISTRY_H_
