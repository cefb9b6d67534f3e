// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing some of the pages of a block: its first ones, or as many elsewhere.

#ifndef REFPAGE_BENCHMARKS_PAGES_H
#define REFPAGE_BENCHMARKS_PAGES_H

#include "random.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace bench {

constexpr size_t PageSize = 4096;

// Keeps a compiler from leaving out stores to Block, or a malloc whose block is
// only written and freed.
inline void isUsed(void *Block) { asm volatile("" : : "r"(Block) : "memory"); }

// The numbers of the pages of a block in an order drawn once. As many after any
// place in it are a random choice of pages, at the price of none.
class PageOrder {
public:
  PageOrder() = default;

  // A block of Size bytes has so many pages of its own.
  static size_t pagesOf(size_t Size) {
    return Size < PageSize ? 1 : Size / PageSize;
  }

  void draw(size_t PageCount) {
    if (PageCount > MaxPages) {
      fprintf(stderr, "no more than %zu pages in a block\n", MaxPages);
      exit(2);
    }
    Count = PageCount;
    Random Draw(Count);
    for (size_t I = 0; I < Count; ++I)
      Pages[I] = static_cast<uint32_t>(I);
    for (size_t I = Count; I > 1; --I) {
      const size_t J = Draw.below(I);
      const uint32_t Page = Pages[I - 1];
      Pages[I - 1] = Pages[J];
      Pages[J] = Page;
    }
  }

  size_t count() const { return Count; }

  // Number of the pages are written whole, from the order's place Start on.
  void write(char *Block, size_t Number, size_t Start) const {
    for (size_t I = 0; I < Number; ++I) {
      size_t At = Start + I;
      At -= At >= Count ? Count : 0;
      memset(Block + Pages[At] * PageSize, 1, PageSize);
    }
  }

private:
  static constexpr size_t MaxPages = 1 << 16;

  size_t Count = 0;
  // Not from the malloc under test.
  uint32_t Pages[MaxPages];
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_PAGES_H
