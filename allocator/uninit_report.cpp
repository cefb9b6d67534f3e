// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/uninit_report.h"

#include "allocator/stats_source.h"
#include "platform/loaded_modules.h"
#include "platform/process.h"

namespace refpage {
namespace {

void appendCounts(const ReadCounts &Counts, scudo::ScopedString *Str) {
  Str->append("refpage:   watched %zu blocks, %zu bytes: ",
              Counts.WatchedBlocks, Counts.WatchedBytes);
  if (Counts.VagueBlocks == 0)
    Str->append("a read shows by its page\n");
  else
    Str->append("a read shows by its page, but in %zu of them only to %zu "
                "pages\n",
                Counts.VagueBlocks, Counts.MostPagesARead);
  if (Counts.FilledBlocks)
    Str->append("refpage:   not watched: %zu blocks, %zu bytes, that were "
                "filled\n",
                Counts.FilledBlocks, Counts.FilledBytes);
  if (Counts.UnknownBlocks)
    Str->append("refpage:   not watched: %zu blocks, since "
                "/proc/self/pagemap does not tell\n",
                Counts.UnknownBlocks);
  if (Counts.LostReads)
    Str->append("refpage:   no room for %zu more reads, in blocks of other "
                "sizes or from elsewhere\n",
                Counts.LostReads);
}

void appendFinding(const ReadFinding &Found, const CallSite &Site,
                   const LoadedModules &Modules, scudo::ScopedString *Str) {
  Str->append("refpage:   %zu blocks of %zu bytes: %zu %s", Found.Blocks,
              Found.Size, Found.Reads,
              Found.IsExact ? "pages read at" : "reads, at least, within");
  for (u32 I = 0; I != Found.NumRanges; I++)
    Str->append(" %zu-%zu", Found.Ranges[I].Begin, Found.Ranges[I].End);
  Str->append("%s\n", Found.HasMoreRanges ? " ..." : "");
  if (Site.NumCallers == 0)
    Str->append("refpage:     by an unknown caller\n");
  for (u32 I = 0; I != Site.NumCallers; I++) {
    const uptr Address = Site.Callers[I];
    if (const LoadedModules::Module *M = Modules.find(Address))
      Str->append("refpage:     by %s+0x%zx\n", Modules.getPath(*M),
                  Address - M->Base);
    else
      Str->append("refpage:     by 0x%zx\n", Address);
  }
}

} // namespace

void appendUninitReport(scudo::ScopedString *Str) {
  if (!TheUninitReads.isOn()) {
    Str->append("refpage: no uninitialised reads are seen in %s (pid %d): that "
                "takes variant=refpage, a pattern that is not zero, and Linux "
                "4.14\n",
                getProcessName().Text, getProcessId());
    return;
  }
  countUninitReads();
  uptr Blocks = 0;
  uptr Sites = 0;
  TheUninitReads.forEachFinding([&](const ReadFinding &F, const CallSite &) {
    Blocks += F.Blocks;
    Sites++;
  });
  const ReadCounts Counts = TheUninitReads.getCounts();
  Str->append("refpage: uninitialised reads in %zu large blocks, of %zu sizes "
              "and callers, in %s (pid %d)\n",
              Blocks, Sites, getProcessName().Text, getProcessId());
  appendCounts(Counts, Str);
  if (Sites == 0)
    return;
  LoadedModules Modules;
  Modules.load();
  TheUninitReads.forEachFinding([&](const ReadFinding &F, const CallSite &S) {
    appendFinding(F, S, Modules, Str);
  });
}

} // namespace refpage
