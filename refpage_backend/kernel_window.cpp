// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/kernel_window.h"

#include "platform/kernel_refpage.h"
#include "platform/memory_tag.h"
#include "refpage_backend/pattern_fill.h"

#include <errno.h>

namespace refpage {
namespace {

// More than any block has.
constexpr uptr NoEnd = 1UL << 47;

// What the kernel copies: the pattern, or a granule of it with its tag.
class Original {
public:
  explicit Original(const Contents &Holds) : Pattern(Holds.Pattern) {
    if (!Holds.Tag)
      return;
    Error = reserveMemory(scudo::getPageSizeCached(), &Page);
    if (!Error)
      Error =
          commitReserved(Page, scudo::getPageSizeCached(), MemoryTags::Allowed);
    if (Error)
      return;
    storeTags(Page, TagGranule, Holds.Tag);
    ScopedUncheckedAccess Unchecked;
    fillPattern(Page, TagGranule, Holds.Pattern);
    Tag = Holds.Tag;
  }
  ~Original() {
    if (Page)
      unmapMemory(Page, scudo::getPageSizeCached());
  }
  Original(const Original &) = delete;
  void operator=(const Original &) = delete;

  int getError() const { return Error; }
  const void *getAddress() const {
    return Tag ? reinterpret_cast<const void *>(withTag(Page, Tag)) : &Pattern;
  }
  u32 getSize() const { return Tag ? TagGranule : sizeof(Pattern); }

private:
  alignas(sizeof(u64)) const u64 Pattern;
  uptr Page = 0;
  u8 Tag = 0;
  int Error = 0;
};

// Looks at two pages of the new file as blocks will view it.
int checkContents(const Contents &Holds, const Window &W) {
  const uptr PageSize = scudo::getPageSizeCached();
  const uptr Size = 2 * PageSize;
  uptr Base;
  if (const int Error = reserveMemory(Size, &Base))
    return Error;
  bool Lost;
  int Error = mapWindow(W, 0, Base, Size, &Lost);
  if (!Error) {
    ScopedUncheckedAccess Unchecked;
    if (!holdsPattern(Base, Size, Holds.Pattern))
      Error = EBADMSG;
    else if (Holds.Tag && !(loadTag(Base) == Holds.Tag &&
                            loadTag(Base + Size - TagGranule) == Holds.Tag))
      Error = ENOTSUP;
  }
  unmapMemory(Base, Size);
  return Error;
}

constexpr char FilterText[] = "the process has a seccomp filter, or no /proc";

const char *explainSyscall(int Error) {
  return Error == ENOENT      ? "this kernel has none"
         : Error == EBADMSG   ? "what the kernel has under its name is not it"
         : Error == ECANCELED ? FilterText
                              : nullptr;
}

const char *explainDevice(int Error) {
  return Error == ENOENT      ? "no module refpage, or no " REFPAGE_DEVICE_PATH
         : Error == EBADMSG   ? REFPAGE_DEVICE_PATH " is something else"
         : Error == ECANCELED ? FilterText
         : Error == EDQUOT    ? "the user has as many of its files as one may"
                              : nullptr;
}

bool isIntact(const Window &W) {
  return isSameFile(W.File.Fd, W.File.Identity);
}

int finish(const Contents &Holds, uptr OwnMemory, Window *New) {
  New->Tags = Holds.getTags();
  New->Size = NoEnd;
  New->OwnMemory = OwnMemory;
  const int Error = checkContents(Holds, *New);
  if (Error)
    giveUp(&New->File);
  return Error;
}

template <UnderFilter Mode>
int makeBySyscall(const Contents &Holds, uptr, Window *New) {
  const Original From(Holds);
  int Error = From.getError();
  if (!Error)
    Error = createRefpageBySyscall(From.getAddress(), From.getSize(), Mode,
                                   &New->File);
  return Error ? Error : finish(Holds, scudo::getPageSizeCached(), New);
}

template <u64 Flags, UnderFilter Mode>
int makeByDevice(const Contents &Holds, uptr, Window *New) {
  // Pages that do not count cannot have tags.
  const u64 Used = Holds.Tag ? Flags & ~REFPAGE_UNACCOUNTED : Flags;
  const Original From(Holds);
  int Error = From.getError();
  if (!Error)
    Error = createRefpageByDevice(From.getAddress(), From.getSize(), Used, Mode,
                                  &New->File);
  if (Error)
    return Error;
  // At most: the original, and a copy for each processor that has a fault.
  const uptr OwnMemory =
      (scudo::getNumberOfCPUs() + 1) * scudo::getPageSizeCached();
  return finish(Holds, OwnMemory, New);
}

} // namespace

const WindowMaker SyscallWindowMaker = {Backend::Syscall, /*AnyLength=*/true,
                                        makeBySyscall<UnderFilter::GiveUp>,
                                        isIntact, explainSyscall};
const WindowMaker RequestedSyscallWindowMaker = {
    Backend::Syscall, /*AnyLength=*/true, makeBySyscall<UnderFilter::GoOn>,
    isIntact, explainSyscall};

const WindowMaker DeviceWindowMaker = {Backend::Device, /*AnyLength=*/true,
                                       makeByDevice<0, UnderFilter::GiveUp>,
                                       isIntact, explainDevice};
const WindowMaker RequestedDeviceWindowMaker = {
    Backend::Device, /*AnyLength=*/true, makeByDevice<0, UnderFilter::GoOn>,
    isIntact, explainDevice};
const WindowMaker UnaccountedDeviceWindowMaker = {
    Backend::Device, /*AnyLength=*/true,
    makeByDevice<REFPAGE_UNACCOUNTED, UnderFilter::GoOn>, isIntact,
    explainDevice};
const WindowMaker FreshDeviceWindowMaker = {
    Backend::Device, /*AnyLength=*/true,
    makeByDevice<REFPAGE_FRESH, UnderFilter::GoOn>, isIntact, explainDevice};

} // namespace refpage
