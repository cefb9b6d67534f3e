// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading or writing some of the pages of a block.

#ifndef REFPAGE_BENCHMARKS_PAGE_USE_H
#define REFPAGE_BENCHMARKS_PAGE_USE_H

#include "pages.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace bench {

class PageUse {
public:
  // Word: `read`, `touch` or `fill`, with `-spread` evenly over the block.
  PageUse(const char *Word, size_t Size, size_t Count)
      : Total(Size / PageSize), Count(Count) {
    const char *Spread = strchr(Word, '-');
    const size_t Length =
        Spread ? static_cast<size_t>(Spread - Word) : strlen(Word);
    const char *const Names[] = {"read", "touch", "fill"};
    bool Known = !Spread || strcmp(Spread, "-spread") == 0;
    for (const char *Name : Names)
      if (strlen(Name) == Length && strncmp(Name, Word, Length) == 0)
        How = *Name;
    Known = Known && How;
    if (!Known || Count > Total) {
      fprintf(stderr, "cannot use %zu of %zu pages: %s\n", Count, Total, Word);
      exit(2);
    }
    IsSpread = Spread != nullptr;
  }

  void apply(char *Block) const {
    for (size_t I = 0; I < Count; ++I) {
      char *Page = Block + (IsSpread ? I * Total / Count : I) * PageSize;
      if (How == 'f')
        memset(Page, 1, PageSize);
      else if (How == 't')
        *static_cast<volatile char *>(Page) = 1;
      else
        (void)*static_cast<volatile char *>(Page);
    }
    isUsed(Block);
  }

private:
  const size_t Total;
  const size_t Count;
  char How = 0;
  bool IsSpread;
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_PAGE_USE_H
