// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the backends did, for the statistics block.

#ifndef REFPAGE_BACKEND_STATS_H_
#define REFPAGE_BACKEND_STATS_H_

#include "refpage_backend/selector.h"
#include "refpage_backend/source.h"

namespace refpage {

struct BackendStats {
  // Per backend: blocks made, and their bytes. Reused blocks apart.
  uptr Blocks[NumBackends];
  uptr Bytes[NumBackends];
  // Blocks handed out again from the cache, and their bytes.
  uptr ReusedBlocks[NumBackends];
  uptr ReusedBytes[NumBackends];
  // Bytes of pattern or zeros that were written by us, in new and in reused
  // blocks; and bytes handed out with their contents that nobody had to write.
  uptr FilledBytes;
  uptr NeverFilledBytes;
  // Blocks by why their backend was chosen, and the last errno of those where
  // something had failed.
  uptr Reasons[NumReasons];
  int LastErrors[NumReasons];
  // Mappings that blocks of windows take now beyond one a block.
  uptr ExtraMappings;
  SourceStats Windows;
  // The ways to get windows, in the order they are tried, and how the last try
  // of each ended: 0 (well, or there was none) or an errno.
  struct {
    const WindowMaker *Maker;
    int Error;
  } Makers[WindowMakers::Most];

  bool anyBlocks() const {
    for (uptr Made : Blocks)
      if (Made)
        return true;
    return false;
  }
};

} // namespace refpage

#endif // REFPAGE_BACKEND_STATS_H_
