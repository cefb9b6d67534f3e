// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/stats_text.h"

#include "platform/process.h"

#include <string.h>

namespace refpage {
namespace {

// A number of bytes that a person can read: four digits and a unit.
struct ByteCount {
  explicit ByteCount(uptr Bytes) {
    const char *const Units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    u32 Unit = 0;
    uptr Scale = 1;
    while (Unit + 1 != ARRAY_SIZE(Units) && Bytes / Scale >= 1024) {
      Unit++;
      Scale *= 1024;
    }
    Name = Units[Unit];
    Whole = Bytes / Scale;
    Tenths = (Bytes % Scale) * 10 / Scale;
  }
  uptr Whole;
  uptr Tenths;
  const char *Name;
};

} // namespace

void appendBytes(scudo::ScopedString *Str, uptr Bytes) {
  const ByteCount C(Bytes);
  if (Bytes < 1024)
    Str->append("%zu B", Bytes);
  else
    Str->append("%zu.%zu %s", C.Whole, C.Tenths, C.Name);
}

void appendBackendStats(const Options &Asked, const BackendStats &Stats,
                        scudo::ScopedString *Str) {
  const ProcessName Name = getProcessName();
  if (!Stats.anyBlocks()) {
    Str->append("refpage: no large blocks in %s (pid %d)\n", Name.Text,
                getProcessId());
    return;
  }
  Str->append("refpage: large blocks of %s (pid %d), variant %s, pattern ",
              Name.Text, getProcessId(), getVariantName(Asked.variant));
  const u8 *PatternBytes = reinterpret_cast<const u8 *>(&Asked.pattern.Value);
  for (uptr I = 0; I != sizeof(u64); I++)
    Str->append("%02x", PatternBytes[I]);
  Str->append("\n");

  for (u32 I = 0; I != NumBackends; I++) {
    const char *Kind = getBackendName(static_cast<Backend>(I));
    if (Stats.Blocks[I] == 0 && Stats.ReusedBlocks[I] == 0)
      continue;
    Str->append("refpage:   %s: %zu blocks, ", Kind, Stats.Blocks[I]);
    appendBytes(Str, Stats.Bytes[I]);
    Str->append("; reused %zu blocks, ", Stats.ReusedBlocks[I]);
    appendBytes(Str, Stats.ReusedBytes[I]);
    Str->append("\n");
  }
  for (const auto &Way : Stats.Makers) {
    if (!Way.Maker || !Way.Error || Way.Maker->Kind == Backend::MemfdWindow)
      continue;
    const char *Why =
        Way.Maker->Explain ? Way.Maker->Explain(Way.Error) : nullptr;
    Str->append("refpage:   not by %s: %s\n", getBackendName(Way.Maker->Kind),
                Why ? Why : strerror(Way.Error));
  }
  Str->append("refpage:   filled ");
  appendBytes(Str, Stats.FilledBytes);
  Str->append("; never filled ");
  appendBytes(Str, Stats.NeverFilledBytes);
  Str->append("\n");

  const SourceStats &W = Stats.Windows;
  Str->append("refpage:   windows: %u made, %u now, taking ", W.WindowsMade,
              W.WindowsNow);
  appendBytes(Str, W.OwnMemory);
  Str->append(" (at most ");
  appendBytes(Str, W.PeakMemory);
  Str->append("), %u lost to the program\n", W.WindowsLost);

  bool AnyFallback = false;
  for (u32 I = 0; I != NumReasons; I++) {
    const Reason Why = static_cast<Reason>(I);
    if (Stats.Reasons[I] == 0)
      continue;
    const bool Fallback = isFallback(Why);
    AnyFallback |= Fallback;
    Str->append("refpage:   %s: %zu blocks because %s",
                Fallback ? "fallback" : "choice", Stats.Reasons[I],
                getReasonText(Why));
    if (Fallback && Stats.LastErrors[I])
      Str->append(" (%s)", strerror(Stats.LastErrors[I]));
    Str->append("\n");
  }
  if (!AnyFallback)
    Str->append("refpage:   no fallbacks\n");
}

} // namespace refpage
