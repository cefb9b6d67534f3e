// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/backend_trials.h"

#include "tools/refpage/clock.h"
#include "tools/refpage/median.h"
#include "tools/refpage/remedies.h"

#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "platform/process.h"
#include "platform/tag_support.h"
#include "refpage_backend/backends.h"
#include "refpage_backend/kernel_window.h"
#include "refpage_backend/memfd_window.h"

#include <errno.h>
#include <string.h>

#include <memory>

namespace refpage {
namespace {

constexpr u8 TrialTag = 3;
constexpr u32 Rounds = 25;

// One way to back a block.
struct Way {
  const char *Name;
  BackendRequest Request;
  // What makes its windows: as the allocator would by itself, that is not under
  // a seccomp filter. Null: it has none.
  const WindowMaker *Maker;
  Backend Kind; // What then serves the block.
  Contents Holds;
  uptr ExpectedFront; // As for Backends::commit().
};

uptr countPages() { return TrialBlockSize / scudo::getPageSizeCached(); }

// Writes a byte in each of so many pages, evenly all over the block.
void writePages(uptr Base, uptr Pages) {
  for (uptr I = 0; I != Pages; I++) {
    const uptr Page = I * countPages() / Pages;
    *reinterpret_cast<volatile u8 *>(Base + Page * scudo::getPageSizeCached()) =
        1;
  }
}

// A block from its mapping to its unmapping. Returns 0 or an errno.
int useBlock(Backends *Memory, const Way &How, uptr PagesToWrite,
             double *Seconds, Backing *Made) {
  const double Start = getMonotonicTime();
  uptr Base;
  if (const int Error = reserveMemory(TrialBlockSize, &Base))
    return Error;
  const int Error =
      Memory->commit(Base, TrialBlockSize, How.Holds, How.ExpectedFront, Made);
  if (!Error) {
    ScopedUncheckedAccess Unchecked;
    writePages(Base, PagesToWrite);
    Memory->forget(TrialBlockSize, *Made);
  }
  unmapMemory(Base, TrialBlockSize);
  *Seconds = getMonotonicTime() - Start;
  return Error;
}

int timeBlocks(Backends *Memory, const Way &How, Trial *Result) {
  const uptr Densities[] = {0, (countPages() + 99) / 100, countPages()};
  std::vector<double> Seconds[3];
  for (u32 Round = 0; Round != Rounds; Round++) {
    for (u32 I = 0; I != 3; I++) {
      double Taken;
      Backing Made;
      if (const int Error = useBlock(Memory, How, Densities[I], &Taken, &Made))
        return Error;
      Seconds[I].push_back(Taken);
      Result->Mappings = 1 + Made.countExtraMappings(TrialBlockSize);
      Result->FilledBytes = Made.FilledBytes;
    }
  }
  Result->Cost = {getMedian(Seconds[0]), getMedian(Seconds[1]),
                  getMedian(Seconds[2])};
  return 0;
}

// The error of the maker of windows, which is there to be asked first: the
// blocks below would be filled in its place.
int tryMaker(const Way &How) {
  Window Made;
  Made.Maker = How.Maker;
  const int Error = How.Maker->Make(How.Holds, MinWindowBlock, &Made);
  if (!Error)
    giveUp(&Made.File);
  return Error;
}

Trial tryWay(const Way &How, uptr MaxWindowSize) {
  Trial Result;
  Result.Name = How.Name;
  if (How.Maker) {
    if (const int Error = tryMaker(How)) {
      const char *Why =
          How.Maker->Explain ? How.Maker->Explain(Error) : nullptr;
      Result.Reason = Why ? Why : strerror(Error);
      Result.Remedy = getRemedy(How.Name, Error);
      return Result;
    }
  }
  // Large, and made for static memory: 30 KiB.
  const auto Memory = std::make_unique<Backends>();
  Memory->init(How.Request, MaxWindowSize);
  Backing First;
  int Error = useBlock(Memory.get(), How, 0, &Result.FirstSeconds, &First);
  if (!Error && First.Kind != How.Kind) {
    Result.Reason = std::string("blocks are made by ") +
                    getBackendName(First.Kind) + " in its place";
    return Result;
  }
  if (!Error)
    Error = timeBlocks(Memory.get(), How, &Result);
  BackendStats Stats;
  Memory->getStats(&Stats);
  Result.WindowBytes = Stats.Windows.OwnMemory;
  Memory->close();
  Result.Works = Error == 0;
  if (Error)
    Result.Reason = strerror(Error);
  return Result;
}

Trial explainNoTags() {
  Trial Result;
  Result.Name = getBackendName(Backend::TagStore);
  Result.Reason = !hasMemoryTags() ? "this machine has no memory tags"
                                   : "memory cannot be mapped with tags";
  Result.Remedy = "an Arm processor with MTE, and Linux 5.10 or later";
  return Result;
}

} // namespace

std::vector<Trial> tryBackends(u64 Pattern, uptr MaxWindowSize) {
  const Contents Holds = {Pattern, 0};
  // Who has asked for them by name is taken to know the process's filter; here
  // nobody has.
  const bool IsFiltered = hasSeccompFilter();
  const WindowMaker *Unaccounted =
      IsFiltered ? &DeviceWindowMaker : &UnaccountedDeviceWindowMaker;
  const WindowMaker *Fresh =
      IsFiltered ? &DeviceWindowMaker : &FreshDeviceWindowMaker;
  const Way Ways[] = {
      {"syscall", BackendRequest::Syscall, &SyscallWindowMaker,
       Backend::Syscall, Holds, 0},
      {"device", BackendRequest::Device, &DeviceWindowMaker, Backend::Device,
       Holds, 0},
      {"device_unaccounted", BackendRequest::DeviceUnaccounted, Unaccounted,
       Backend::Device, Holds, 0},
      {"device_fresh", BackendRequest::DeviceFresh, Fresh, Backend::Device,
       Holds, 0},
      {"memfd_window", BackendRequest::Memfd, &MemfdWindowMaker,
       Backend::MemfdWindow, Holds, 0},
      {"memset", BackendRequest::Memset, nullptr, Backend::Memset, Holds, 0},
      {"tag_store",
       BackendRequest::Memset,
       nullptr,
       Backend::TagStore,
       {Pattern, TrialTag},
       0},
      {"dense_fill", BackendRequest::Auto, nullptr, Backend::Memset, Holds,
       TrialBlockSize},
      {"zero", BackendRequest::Auto, nullptr, Backend::Zero, {}, 0},
  };
  std::vector<Trial> Results;
  for (const Way &How : Ways) {
    if (How.Holds.Tag && !getTagSupport().Memory)
      Results.push_back(explainNoTags());
    else
      Results.push_back(tryWay(How, MaxWindowSize));
  }
  return Results;
}

std::vector<TagLoopCost> timeTagLoops() {
  std::vector<TagLoopCost> Results;
  uptr Base;
  if (!getTagSupport().Memory || reserveMemory(TrialBlockSize, &Base) != 0)
    return Results;
  if (commitReserved(Base, TrialBlockSize, MemoryTags::Allowed) == 0) {
    const struct {
      const char *Name;
      TagLoop Loop;
    } Loops[] = {{"STG", TagLoop::Stg},
                 {"ST2G", TagLoop::St2g},
                 {"DC GVA", TagLoop::DcGva}};
    for (const auto &L : Loops) {
      if (L.Loop == TagLoop::DcGva && getTagBlockSize() == 0)
        continue;
      std::vector<double> Seconds;
      for (u32 Round = 0; Round != Rounds; Round++) {
        const double Start = getMonotonicTime();
        storeTags(Base, TrialBlockSize, TrialTag, L.Loop);
        Seconds.push_back(getMonotonicTime() - Start);
      }
      Results.push_back({L.Name, getMedian(Seconds)});
    }
  }
  unmapMemory(Base, TrialBlockSize);
  return Results;
}

} // namespace refpage
