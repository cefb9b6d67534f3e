// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The two ways to ask /proc/PID/pagemap which pages of a range are what
// (Documentation/admin-guide/mm/pagemap.rst): its entries, and PAGEMAP_SCAN of
// linux/fs.h since 6.7, which older headers lack, and which passes over what
// was never touched.

#ifndef REFPAGE_PLATFORM_PAGEMAP_SCAN_H_
#define REFPAGE_PLATFORM_PAGEMAP_SCAN_H_

#include "platform/types.h"

#include <sys/ioctl.h>

namespace refpage {

// Of the entry of a page. Exclusive: of no other process, either.
constexpr u64 EntryPresent = 1ULL << 63;
constexpr u64 EntrySwapped = 1ULL << 62;
constexpr u64 EntryFilePage = 1ULL << 61;
constexpr u64 EntryExclusive = 1ULL << 56;

struct ScannedRegion {
  u64 Start;
  u64 End;
  u64 Categories;
};

struct ScanArguments {
  u64 Size;
  u64 Flags;
  u64 Start;
  u64 End;
  u64 WalkEnd;
  u64 Regions;
  u64 MaxRegions;
  u64 MaxPages;
  u64 InvertedCategories;
  u64 AllOfCategories;
  u64 AnyOfCategories;
  u64 ReturnedCategories;
};

constexpr unsigned long PagemapScan = _IOWR('f', 16, ScanArguments);
constexpr u64 CategoryFile = 1 << 2;
constexpr u64 CategoryPresent = 1 << 3;
constexpr u64 CategorySwapped = 1 << 4;
constexpr u64 CategoryZeroPage = 1 << 5;

} // namespace refpage

#endif // REFPAGE_PLATFORM_PAGEMAP_SCAN_H_
