// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// refpage trace: how much of a program's large blocks gets written.

#include "tools/refpage/command.h"
#include "tools/refpage/common_options.h"
#include "tools/refpage/density_watch.h"
#include "tools/refpage/failure.h"
#include "tools/refpage/format.h"
#include "tools/refpage/json_output.h"
#include "tools/refpage/launch.h"
#include "tools/refpage/library.h"
#include "tools/refpage/output.h"
#include "tools/refpage/table.h"
#include "tools/refpage/terminal.h"

#include <algorithm>

namespace refpage {
namespace {

enum Keys : int { OutputKey = 'o' };

constexpr argp_option OptionList[] = {
    {"output", OutputKey, "FILE", 0,
     "Write the table there, not to standard error", 0},
    {}};

struct TraceOptions {
  CommonOptions Common;
  std::string Output;
  char **Command = nullptr;
};

error_t parseOption(int Key, char *Argument, argp_state *State) {
  TraceOptions &Options = *static_cast<TraceOptions *>(State->input);
  switch (Key) {
  case ARGP_KEY_INIT:
    State->child_inputs[0] = &Options.Common;
    return 0;
  case OutputKey:
    Options.Output = takePath("--output", Argument, State);
    return 0;
  case ARGP_KEY_ARG:
    Options.Command = takeCommand(State);
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(State, "no COMMAND");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

// A copy of the counts of one size, or of all.
struct Density {
  uint64_t From = 0; // Bytes.
  uint64_t Freed = 0;
  uint64_t Unknown = 0;
  uint64_t Blocks[NumLooked] = {};
  uint64_t Bytes = 0;
  uint64_t Written = 0;
  uint64_t Front = 0;
  uint64_t Shares[DensityCounts::NumShares] = {};

  explicit Density(uint64_t Least) : From(Least) {}

  void add(const DensityCounts::SizeClass &Class) {
    const auto Add = [](uint64_t &To, const scudo::atomic_u64 &Counter) {
      To += scudo::atomic_load_relaxed(&Counter);
    };
    Add(Freed, Class.Freed);
    Add(Unknown, Class.Unknown);
    for (u32 I = 0; I != NumLooked; I++)
      Add(Blocks[I], Class.Blocks[I]);
    Add(Bytes, Class.Bytes);
    Add(Written, Class.Written);
    Add(Front, Class.Front);
    for (u32 I = 0; I != DensityCounts::NumShares; I++)
      Add(Shares[I], Class.Shares[I]);
  }
  uint64_t looked() const {
    uint64_t All = 0;
    for (const uint64_t Count : Blocks)
      All += Count;
    return All;
  }
  bool any() const { return looked() || Freed || Unknown; }
};

std::string formatShare(uint64_t Part, uint64_t Whole) {
  if (Whole == 0)
    return "-";
  char Text[16];
  snprintf(Text, sizeof(Text), "%.1f %%",
           100.0 * static_cast<double>(Part) / static_cast<double>(Whole));
  return Text;
}

std::string getShareName(u32 Share) {
  return Share == 10 ? "100 %"
                     : std::to_string(Share * 10) + "-" +
                           std::to_string(Share * 10 + 10) + " %";
}

void printTable(FILE *Stream, const std::vector<Density> &Sizes,
                const Density &All) {
  Table Shown({{"size from", Align::Left},
               {"freed", Align::Right},
               {"looked at", Align::Right},
               {"written", Align::Right},
               {"front", Align::Right},
               {"not known", Align::Right}});
  const auto Add = [&](const std::string &Name, const Density &D) {
    Shown.addRow({Name, std::to_string(D.Freed), std::to_string(D.looked()),
                  formatShare(D.Written, D.Bytes),
                  formatShare(D.Front, D.Bytes), std::to_string(D.Unknown)});
  };
  for (const Density &D : Sizes)
    Add(formatBytes(D.From), D);
  if (Sizes.size() > 1)
    Add("all", All);
  Shown.print(Stream);
}

// How many blocks had which share of their bytes written.
void printHistogram(FILE *Stream, const Density &All) {
  constexpr size_t Longest = 40;
  constexpr size_t Beside = 24; // What is left of the bar, and the count.
  const size_t Width = getWidth(Stream);
  const size_t Room =
      Width < Beside + Longest ? std::max(Width, Beside + 4) - Beside : Longest;
  const uint64_t Most =
      *std::max_element(std::begin(All.Shares), std::end(All.Shares));
  fputc('\n', Stream);
  printWrapped(Stream, "blocks by the share of their bytes that was written:");
  for (u32 I = 0; I != DensityCounts::NumShares; I++) {
    const uint64_t Count = All.Shares[I];
    // What is there shows.
    const size_t Length =
        Count ? std::max<size_t>(static_cast<size_t>(Count * Room / Most), 1)
              : 0;
    fprintf(Stream, "%9s  %s%s%s\n", getShareName(I).c_str(),
            std::string(Length, '#').c_str(), Length ? " " : "",
            std::to_string(Count).c_str());
  }
}

void printText(FILE *Stream, const char *Command, uint64_t Programs,
               const std::vector<Density> &Sizes, const Density &All) {
  printWrapped(Stream,
               "refpage trace: " + makePrintable(getProgramName(Command)) +
                   ": large blocks looked at: " + std::to_string(All.looked()) +
                   ", in programs: " + std::to_string(Programs));
  if (Sizes.empty())
    return;
  printTable(Stream, Sizes, All);
  printHistogram(Stream, All);
}

void printJson(FILE *Stream, char **Command, const Outcome &Ended,
               uint64_t Programs, const std::vector<Density> &Sizes) {
  Json Report = startReport("trace");
  Report["command"] = listCommand(Command);
  Report["exit_status"] = Ended.getExitStatus();
  Report["programs"] = Programs;
  Report["sizes"] = Json::array();
  for (const Density &D : Sizes)
    Report["sizes"].push_back(
        {{"from", D.From},
         {"freed", D.Freed},
         {"looked_at_free", D.Blocks[static_cast<u32>(Looked::AtFree)]},
         {"looked_at_reuse", D.Blocks[static_cast<u32>(Looked::AtReuse)]},
         {"looked_at_exit", D.Blocks[static_cast<u32>(Looked::AtExit)]},
         {"unknown_at_exit", D.Unknown},
         {"bytes", D.Bytes},
         {"written", D.Written},
         {"front", D.Front},
         {"histogram", D.Shares}});
  writeJson(Stream, Report);
}

int trace(int Argc, char **Argv) {
  const argp Parser = {
      OptionList,
      parseOption,
      "[--] COMMAND [ARGUMENT...]",
      "Runs a command on the allocator and shows how much of its large blocks, "
      "by their size, was written: what the allocator predicts by.\v"
      "Counted are blocks of all programs that the command starts: when they "
      "are used again, when they are freed (a sample), and when a program "
      "exits. The exit status is the command's.",
      launchOptions(),
      nullptr,
      nullptr};
  TraceOptions Options;
  argp_parse(&Parser, Argc, Argv, ARGP_IN_ORDER, nullptr, &Options);

  // Standard error, as the command's own output is not ours to mix with.
  Output To(Options.Output, stderr);
  const DensityWatch Watch;
  Launch What;
  What.Command = Options.Command;
  What.Library = findLibrary(Options.Common.Library);
  What.Options = Watch.getOption();
  const Outcome Ended = runCommand(What);

  const DensityCounts &Counts = Watch.get();
  const uint64_t Programs = scudo::atomic_load_relaxed(&Counts.Programs);
  const u64 Version = scudo::atomic_load_relaxed(&Counts.Version);
  if (Version && Version != DensityCounts::ExpectedVersion)
    throw Failure(What.Library + " is of another version than this program");
  std::vector<Density> Sizes;
  Density All(0);
  for (u32 I = 0; I != NumDensityClasses; I++) {
    Density D(getLeastSize(I));
    D.add(Counts.Classes[I]);
    All.add(Counts.Classes[I]);
    if (D.any())
      Sizes.push_back(D);
  }
  if (Options.Common.Json)
    printJson(To.get(), Options.Command, Ended, Programs, Sizes);
  else
    printText(To.get(), Options.Command[0], Programs, Sizes, All);
  if (Programs == 0)
    fprintf(stderr,
            "refpage trace: no program used the library: programs that are "
            "linked statically or set-user-ID do not\n");
  To.finish();
  return Ended.getExitStatus();
}

} // namespace

const Command TraceCommand = {
    "trace", "how much of a command's large blocks gets written, by size",
    trace};

} // namespace refpage
