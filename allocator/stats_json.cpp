// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/stats_json.h"

#include "platform/process.h"

#include <string.h>

namespace refpage {
namespace {

// What is not printable ASCII becomes the character of that number: a process's
// name may be anything, and may end in the middle of a character.
void appendString(scudo::ScopedString *Str, const char *Text) {
  Str->append("\"");
  for (; *Text; Text++) {
    const u8 C = static_cast<u8>(*Text);
    if (C == '"' || C == '\\')
      Str->append("\\%c", C);
    else if (C >= ' ' && C < 0x7f)
      Str->append("%c", C);
    else
      Str->append("\\u%04x", C);
  }
  Str->append("\"");
}

// The elements of a list: a comma in front of each but the first.
class Separator {
public:
  explicit Separator(scudo::ScopedString *S) : Str(S) {}
  void next() {
    Str->append("%s", IsFirst ? "" : ", ");
    IsFirst = false;
  }

private:
  scudo::ScopedString *Str;
  bool IsFirst = true;
};

void appendBackends(const BackendStats &Stats, scudo::ScopedString *Str) {
  Str->append("\"backends\": [");
  Separator List(Str);
  for (u32 I = 0; I != NumBackends; I++) {
    if (Stats.Blocks[I] == 0 && Stats.ReusedBlocks[I] == 0)
      continue;
    List.next();
    Str->append("{\"name\": \"%s\", \"blocks\": %zu, \"bytes\": %zu, "
                "\"reused_blocks\": %zu, \"reused_bytes\": %zu}",
                getBackendName(static_cast<Backend>(I)), Stats.Blocks[I],
                Stats.Bytes[I], Stats.ReusedBlocks[I], Stats.ReusedBytes[I]);
  }
  Str->append("], \"unavailable\": [");
  Separator Ways(Str);
  for (const auto &Way : Stats.Makers) {
    if (!Way.Maker || !Way.Error)
      continue;
    const char *Why =
        Way.Maker->Explain ? Way.Maker->Explain(Way.Error) : nullptr;
    Ways.next();
    Str->append("{\"name\": \"%s\", \"reason\": ",
                getBackendName(Way.Maker->Kind));
    appendString(Str, Why ? Why : strerror(Way.Error));
    Str->append("}");
  }
  Str->append("]");
}

void appendChoices(const BackendStats &Stats, scudo::ScopedString *Str) {
  Str->append("\"choices\": [");
  Separator List(Str);
  for (u32 I = 0; I != NumReasons; I++) {
    const Reason Why = static_cast<Reason>(I);
    if (Stats.Reasons[I] == 0)
      continue;
    List.next();
    Str->append("{\"reason\": ");
    appendString(Str, getReasonText(Why));
    Str->append(", \"blocks\": %zu, \"fallback\": %s, \"error\": ",
                Stats.Reasons[I], isFallback(Why) ? "true" : "false");
    if (isFallback(Why) && Stats.LastErrors[I])
      appendString(Str, strerror(Stats.LastErrors[I]));
    else
      Str->append("null");
    Str->append("}");
  }
  Str->append("]");
}

void appendSizes(const DensityModel &Density, scudo::ScopedString *Str) {
  Str->append("\"sizes\": [");
  Separator List(Str);
  for (u32 I = 0; I != DensityModel::countSizes(); I++) {
    DensityModel::SizeReport Size;
    if (!Density.getSize(I, &Size))
      continue;
    List.next();
    Str->append("{\"from_bytes\": %zu, \"looked_at\": %u, "
                "\"written_percent\": %u, \"filled_bytes\": %zu}",
                Size.FromBytes, Size.LookedAt, Size.WrittenPercent,
                Size.FilledBytes);
  }
  Str->append("]");
}

} // namespace

void appendStatsJson(const Options &Asked, const BackendStats &Stats,
                     const CacheCounts &Cache, const DensityModel &Density,
                     scudo::ScopedString *Str) {
  Str->append("{\"report\": \"stats\", \"pid\": %d, \"name\": ",
              getProcessId());
  appendString(Str, getProcessName().Text);
  Str->append(", \"variant\": \"%s\", \"pattern\": \"",
              getVariantName(Asked.variant));
  const u8 *PatternBytes = reinterpret_cast<const u8 *>(&Asked.pattern.Value);
  for (uptr I = 0; I != sizeof(u64); I++)
    Str->append("%02x", PatternBytes[I]);
  Str->append("\", ");
  appendBackends(Stats, Str);
  Str->append(", \"filled_bytes\": %zu, \"never_filled_bytes\": %zu, ",
              Stats.FilledBytes, Stats.NeverFilledBytes);
  const SourceStats &W = Stats.Windows;
  Str->append("\"windows\": {\"made\": %u, \"now\": %u, \"bytes\": %zu, "
              "\"peak_bytes\": %zu, \"lost\": %u}, ",
              W.WindowsMade, W.WindowsNow, W.OwnMemory, W.PeakMemory,
              W.WindowsLost);
  appendChoices(Stats, Str);
  Str->append(", \"cache\": {\"asked\": %u, \"served\": %u, "
              "\"gave_pages\": %u, \"kept_bytes\": %zu, "
              "\"budget_bytes\": %zu}, ",
              Cache.Asked, Cache.Served, Cache.GavePages, Cache.KeptBytes,
              Cache.BudgetBytes);
  appendSizes(Density, Str);
  Str->append("}\n");
}

} // namespace refpage
