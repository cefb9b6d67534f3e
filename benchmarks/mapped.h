// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the kernel says of the mappings of a block.

#ifndef REFPAGE_BENCHMARKS_MAPPED_H
#define REFPAGE_BENCHMARKS_MAPPED_H

#include "arguments.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

namespace bench {

// Of all mappings that have a part in the block.
struct Mapped {
  uint64_t Mappings = 0;
  uint64_t ResidentKiB = 0;
  // Whether one is of a memory file, or of reference pages made by the kernel.
  bool HasMemfd = false;
  bool HasRefpage = false;

  static Mapped at(const char *Block, size_t Size) {
    const auto Start = reinterpret_cast<uintptr_t>(Block);
    FILE *Maps = fopen("/proc/self/smaps", "re");
    if (!Maps)
      fail("/proc/self/smaps");
    Mapped All;
    char Line[512];
    bool Inside = false;
    while (fgets(Line, sizeof(Line), Maps)) {
      uintptr_t From, To;
      uint64_t Resident;
      if (sscanf(Line, "%" SCNxPTR "-%" SCNxPTR " ", &From, &To) == 2) {
        Inside = From < Start + Size && Start < To;
        if (!Inside)
          continue;
        ++All.Mappings;
        All.HasMemfd = All.HasMemfd || strstr(Line, "/memfd:");
        All.HasRefpage = All.HasRefpage || strstr(Line, "[refpage]");
      } else if (Inside && sscanf(Line, "Rss: %" SCNu64, &Resident) == 1) {
        All.ResidentKiB += Resident;
      }
    }
    fclose(Maps);
    return All;
  }
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_MAPPED_H
