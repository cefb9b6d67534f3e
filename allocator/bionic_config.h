// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The heap as Android has it: upstream's AndroidConfig over our Secondary. What
// is not named here is upstream's: the Primary's size classes and regions, the
// threads' caches (two, up to eight, shared by all threads), and of the
// Secondary's cache the number of entries (32, up to 256) and their size (2
// MiB; M_CACHE_SIZE_MAX raises it).

#ifndef REFPAGE_ALLOCATOR_BIONIC_CONFIG_H_
#define REFPAGE_ALLOCATOR_BIONIC_CONFIG_H_

#include "allocator/secondary.h"

#include "allocator_config.h"

namespace refpage {

struct BionicConfig : scudo::AndroidConfig {
  // What M_DECAY_TIME may ask for, -1 included: never release. (The limits of
  // LLVM 19 would turn that into a second for small blocks, and for large ones
  // into at once.)
  static constexpr s32 NeverRelease = -1;

  struct Primary : scudo::AndroidConfig::Primary {
    static const s32 MinReleaseToOsIntervalMs = NeverRelease;
  };

  struct Secondary {
    struct Cache : scudo::AndroidConfig::Secondary::Cache {
      static const s32 MinReleaseToOsIntervalMs = NeverRelease;
    };
    template <typename Config> using CacheT = BlockCache<Config>;
  };
  template <typename Config> using SecondaryT = refpage::Secondary<Config>;
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_BIONIC_CONFIG_H_
