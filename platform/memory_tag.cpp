// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/memory_tag.h"

#include "platform/scoped_errno.h"

#include "atomic_helpers.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

// Since Linux 5.4 and 5.10; older headers lack the names.
#ifndef PR_SET_TAGGED_ADDR_CTRL
#define PR_SET_TAGGED_ADDR_CTRL 55
#define PR_GET_TAGGED_ADDR_CTRL 56
#define PR_TAGGED_ADDR_ENABLE (1UL << 0)
#endif
#ifndef PR_MTE_TCF_SYNC
#define PR_MTE_TCF_SYNC (1UL << 1)
#define PR_MTE_TCF_ASYNC (1UL << 2)
#endif
#ifndef PR_MTE_TAG_SHIFT
#define PR_MTE_TAG_SHIFT 3
#endif

namespace refpage {

int setTagChecks(TagChecks Mode) {
  ScopedErrno KeepErrno;
  // Tag 0 is that of memory nobody has tagged: never given out.
  constexpr unsigned long GivenOut = 0xfffeUL << PR_MTE_TAG_SHIFT;
  unsigned long Control = PR_TAGGED_ADDR_ENABLE | GivenOut;
  // With both the processor uses the one that its cores do best
  // (mte_tcf_preferred), which is not what was asked for.
  if (Mode == TagChecks::Sync)
    Control |= PR_MTE_TCF_SYNC;
  else if (Mode == TagChecks::Async)
    Control |= PR_MTE_TCF_ASYNC;
  return prctl(PR_SET_TAGGED_ADDR_CTRL, Control, 0, 0, 0) == -1 ? errno : 0;
}

TagChecks getTagChecks() {
  ScopedErrno KeepErrno;
  const int Control = prctl(PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0);
  if (Control == -1)
    return TagChecks::Off;
  if (static_cast<unsigned long>(Control) & PR_MTE_TCF_SYNC)
    return TagChecks::Sync;
  return static_cast<unsigned long>(Control) & PR_MTE_TCF_ASYNC
             ? TagChecks::Async
             : TagChecks::Off;
}

void storeTagsUnlessHeld(uptr Base, uptr Size, u8 Tag) {
  for (uptr At = Base; At < Base + Size; At += TagGranule)
    if (loadTag(At) != Tag)
      storeTags(At, TagGranule, Tag);
}

#if defined(__aarch64__)

bool hasMemoryTags() {
  constexpr unsigned long HwcapMte = 1UL << 18; // HWCAP2_MTE
  static scudo::atomic_u8 Known = {}; // 0: not yet asked, 1: no, 2: yes.
  const u8 Answer = scudo::atomic_load_relaxed(&Known);
  if (Answer)
    return Answer == 2;
  const bool Has = mayHaveMemoryTags() && (getauxval(AT_HWCAP2) & HwcapMte);
  scudo::atomic_store_relaxed(&Known, static_cast<u8>(Has ? 2 : 1));
  return Has;
}

u8 loadTag(uptr Address) {
  uptr Tagged = Address;
  __asm__ __volatile__(".arch_extension memtag\n"
                       "ldg %0, [%0]\n"
                       : "+r"(Tagged)
                       :
                       : "memory");
  return tagOf(Tagged);
}

namespace {

// A tag that is not in the mask, by the time; 0 if all are.
u8 chooseByTime(u32 ExcludeMask) {
  u64 Time;
  __asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(Time));
  constexpr u64 Spread = 0x9e3779b97f4a7c15;
  const u32 First = static_cast<u32>((Time * Spread) >> 60);
  for (u32 I = 0; I != NumTags; I++) {
    const u32 Tag = (First + I) % NumTags;
    if (!(ExcludeMask & 1U << Tag))
      return static_cast<u8>(Tag);
  }
  return 0;
}

} // namespace

u8 chooseTag(u32 ExcludeMask) {
  uptr Tagged;
  __asm__ __volatile__(".arch_extension memtag\n"
                       "irg %0, %1, %2\n"
                       : "=r"(Tagged)
                       : "r"(0UL), "r"(static_cast<uptr>(ExcludeMask)));
  // 0 also if the thread's own mask (prctl) leaves none.
  const u8 Tag = tagOf(Tagged);
  return Tag ? Tag : chooseByTime(ExcludeMask);
}

uptr getTagBlockSize() {
  constexpr u64 IsProhibited = 1U << 4; // DZP
  u64 Id;
  __asm__("mrs %0, dczid_el0" : "=r"(Id));
  return Id & IsProhibited ? 0 : 4UL << (Id & 15);
}

namespace {

// To the register that holds the tag the address is what it points to: one and
// the same in all loops.
void storeTagsStg(uptr Tagged, uptr End) {
  for (; Tagged != End; Tagged += TagGranule)
    __asm__ __volatile__(".arch_extension memtag\n"
                         "stg %0, [%0]\n"
                         :
                         : "r"(Tagged)
                         : "memory");
}

void storeTagsSt2g(uptr Tagged, uptr End) {
  for (; End - Tagged >= 2 * TagGranule; Tagged += 2 * TagGranule)
    __asm__ __volatile__(".arch_extension memtag\n"
                         "st2g %0, [%0]\n"
                         :
                         : "r"(Tagged)
                         : "memory");
  storeTagsStg(Tagged, End);
}

void storeTagsDcGva(uptr Tagged, uptr End, uptr BlockSize) {
  const uptr FirstBlock = scudo::roundUp(Tagged, BlockSize);
  const uptr BlocksEnd = scudo::roundDown(End, BlockSize);
  if (FirstBlock >= BlocksEnd)
    return storeTagsSt2g(Tagged, End);
  storeTagsSt2g(Tagged, FirstBlock);
  for (uptr Block = FirstBlock; Block != BlocksEnd; Block += BlockSize)
    __asm__ __volatile__(".arch_extension memtag\n"
                         "dc gva, %0\n"
                         :
                         : "r"(Block)
                         : "memory");
  storeTagsSt2g(BlocksEnd, End);
}

} // namespace

void storeTags(uptr Base, uptr Size, u8 Tag, TagLoop Loop) {
  const uptr Begin = withTag(Base, Tag);
  const uptr End = Begin + Size;
  const uptr BlockSize = getTagBlockSize();
  if (Loop == TagLoop::Best)
    Loop = BlockSize ? TagLoop::DcGva : TagLoop::St2g;
  if (Loop == TagLoop::Stg)
    storeTagsStg(Begin, End);
  else if (Loop == TagLoop::St2g)
    storeTagsSt2g(Begin, End);
  else
    storeTagsDcGva(Begin, End, BlockSize);
}

ScopedUncheckedAccess::ScopedUncheckedAccess() : IsActive(hasMemoryTags()) {
  if (IsActive)
    __asm__ __volatile__(".arch_extension memtag\n"
                         "mrs %0, tco\n"
                         "msr tco, #1\n"
                         : "=r"(Previous)
                         :
                         : "memory");
}

ScopedUncheckedAccess::~ScopedUncheckedAccess() {
  if (IsActive)
    __asm__ __volatile__(".arch_extension memtag\n"
                         "msr tco, %0\n"
                         :
                         : "r"(Previous)
                         : "memory");
}

#else // No memory tags on other machines.

bool hasMemoryTags() { return false; }
u8 loadTag(uptr) { return 0; }
u8 chooseTag(u32) { return 0; }
uptr getTagBlockSize() { return 0; }
void storeTags(uptr, uptr, u8, TagLoop) {}

#endif

} // namespace refpage
