// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's hook for a configuration of one's own (SCUDO_USE_CUSTOM_CONFIG in
// allocator_config.h): the default Primary, unchanged, over our Secondary.

#ifndef REFPAGE_ALLOCATOR_CONFIG_CUSTOM_SCUDO_CONFIG_H_
#define REFPAGE_ALLOCATOR_CONFIG_CUSTOM_SCUDO_CONFIG_H_

#include "allocator/secondary.h"

namespace scudo {

struct RefpageConfig {
  // Where the machine has tags, the process is asked (allocator/tagging.h).
  static const bool MaySupportMemoryTagging = true;
  template <class A> using TSDRegistryT = TSDRegistryExT<A>; // Exclusive

  // The values of upstream's DefaultConfig, which is not compiled when there is
  // a custom one.
  struct Primary {
    using SizeClassMap = DefaultSizeClassMap;
    static const uptr RegionSizeLog = 32U;
    static const uptr GroupSizeLog = 21U;
    typedef uptr CompactPtrT;
    static const uptr CompactPtrScale = 0;
    static const bool EnableRandomOffset = true;
    static const uptr MapSizeIncrement = 1UL << 18;
    static const s32 MinReleaseToOsIntervalMs = INT32_MIN;
    static const s32 MaxReleaseToOsIntervalMs = INT32_MAX;
  };
  static_assert(SCUDO_CAN_USE_PRIMARY64, "64-bit platforms only");
  template <typename Config> using PrimaryT = SizeClassAllocator64<Config>;

  struct Secondary {
    // Blocks of all sizes: what bounds them is their bytes. With 128 of them
    // the search for the best takes less than the system call it saves.
    struct Cache {
      static const u32 EntriesArraySize = 128U;
      static const u32 QuarantineSize = 0U;
      static const u32 DefaultMaxEntriesCount = 128U;
      static const uptr DefaultMaxEntrySize = UINTPTR_MAX;
      static const s32 MinReleaseToOsIntervalMs = INT32_MIN;
      static const s32 MaxReleaseToOsIntervalMs = INT32_MAX;
    };
    template <typename Config> using CacheT = refpage::BlockCache<Config>;
  };
  template <typename Config> using SecondaryT = refpage::Secondary<Config>;
};

typedef RefpageConfig Config;
// The name under which upstream's tests know the configuration.
typedef RefpageConfig DefaultConfig;

} // namespace scudo

#endif // REFPAGE_ALLOCATOR_CONFIG_CUSTOM_SCUDO_CONFIG_H_
