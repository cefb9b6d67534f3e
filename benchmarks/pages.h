// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing some of the pages of a block: its first ones, or as many elsewhere.

#ifndef REFPAGE_BENCHMARKS_PAGES_H
#define REFPAGE_BENCHMARKS_PAGES_H

#include "arguments.h"
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

// How many pages a share of a block of Size bytes is: `page` for one of them,
// or percent.
inline size_t pagesOfShare(const char *Share, size_t Size) {
  if (strcmp(Share, "page") == 0)
    return 1;
  const size_t Percent = number(Share);
  const size_t Pages = Size / PageSize * Percent / 100;
  if (Percent > 100) {
    fprintf(stderr, "more than all of a block: %zu %%\n", Percent);
    exit(2);
  }
  return Pages ? Pages : 1;
}

// Which pages of a block are written.
class Pages {
public:
  // Number of the pages of a block of Size bytes: the first ones, or others
  // each time.
  void choose(size_t Size, size_t Number, bool Scattered) {
    Written = Number;
    Count = 0;
    if (!Scattered)
      return;
    // A block may begin within a page and lack a whole one then.
    Count = Size / PageSize - 1;
    if (Number > Count || Count > MaxCount) {
      fprintf(stderr, "cannot scatter %zu of %zu pages\n", Number, Count);
      exit(2);
    }
    Random Draw(Count);
    for (size_t I = 0; I < Count; ++I)
      Order[I] = static_cast<uint32_t>(I);
    for (size_t I = Count; I > 1; --I) {
      const size_t J = Draw.below(I);
      const uint32_t Page = Order[I - 1];
      Order[I - 1] = Order[J];
      Order[J] = Page;
    }
  }

  // Writes them whole. As many pages after any place in an order drawn once are
  // a random choice, at the price of none.
  void write(char *Block, Random &Draw) const {
    if (!Count) {
      memset(Block, 1, Written * PageSize);
    } else {
      const uintptr_t IntoPage = reinterpret_cast<uintptr_t>(Block) % PageSize;
      char *First = Block + (IntoPage ? PageSize - IntoPage : 0);
      size_t Place = Draw.below(Count);
      for (size_t I = 0; I < Written; ++I) {
        memset(First + Order[Place] * PageSize, 1, PageSize);
        if (++Place == Count)
          Place = 0;
      }
    }
    isUsed(Block);
  }

private:
  static constexpr size_t MaxCount = 1 << 16;

  size_t Written = 0;
  size_t Count = 0; // 0: not scattered.
  // Not from the malloc under test.
  uint32_t Order[MaxCount];
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_PAGES_H
