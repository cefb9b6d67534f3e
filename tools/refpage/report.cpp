// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// refpage report: the large blocks of a running process.

#include "tools/refpage/command.h"
#include "tools/refpage/common_options.h"
#include "tools/refpage/failure.h"
#include "tools/refpage/fill_speed.h"
#include "tools/refpage/format.h"
#include "tools/refpage/json_output.h"
#include "tools/refpage/process_blocks.h"
#include "tools/refpage/table.h"
#include "tools/refpage/terminal.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include <algorithm>
#include <map>

namespace refpage {
namespace {

enum Keys : int { WatchKey = 0x2000, MapsOnlyKey };

constexpr argp_option OptionList[] = {
    {"watch", WatchKey, "SECONDS", OPTION_ARG_OPTIONAL,
     "Look again every so many seconds (2), until the process exits: a "
     "terminal "
     "is drawn anew, elsewhere reports follow each other",
     0},
    {"maps-only", MapsOnlyKey, nullptr, 0,
     "Do not read the process's memory: blocks are known by their mappings, "
     "which only those of windows are",
     0},
    {}};

struct ReportOptions {
  CommonOptions Common;
  int Pid = 0;
  unsigned long WatchSeconds = 0; // 0: once.
  bool MapsOnly = false;
};

error_t parseOption(int Key, char *Argument, argp_state *State) {
  ReportOptions &Options = *static_cast<ReportOptions *>(State->input);
  switch (Key) {
  case ARGP_KEY_INIT:
    State->child_inputs[0] = &Options.Common;
    return 0;
  case WatchKey:
    Options.WatchSeconds =
        Argument ? parseNumber("--watch", Argument, 1, 86400, State) : 2;
    return 0;
  case MapsOnlyKey:
    Options.MapsOnly = true;
    return 0;
  case ARGP_KEY_ARG:
    if (Options.Pid)
      argp_error(State,
                 "one process at a time, not '%s' too (an interval is given as "
                 "--watch=SECONDS)",
                 Argument);
    Options.Pid =
        static_cast<int>(parseNumber("PID", Argument, 1, INT_MAX, State));
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(State, "which process? Its PID is missing");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

// Blocks together.
struct Sum {
  uint64_t Blocks = 0;
  uint64_t Bytes = 0;
  uint64_t Asked = 0;
  PageUse Pages;

  void add(const FoundBlock &Block) {
    Blocks++;
    Bytes += Block.Size;
    Asked += Block.Asked;
    Pages.add(Block.Pages);
  }
};

struct Sums {
  std::map<uint64_t, Sum> BySize; // By the least size of the class.
  std::map<std::string, Sum> ByBackend;
  Sum All;
  Sum Kept;
  // Clean pages that a memset would have written: those of windows. (Blocks of
  // zeros nobody would fill.)
  uint64_t Saved = 0;
};

// A class for each doubling.
uint64_t getSizeClass(uint64_t Size) {
  uint64_t Least = 1;
  while (Least <= Size / 2)
    Least *= 2;
  return Least;
}

Sums addUp(const ProcessBlocks &Found) {
  Sums S;
  for (const FoundBlock &Block : Found.Live) {
    S.BySize[getSizeClass(Block.Size)].add(Block);
    S.ByBackend[Block.Backend].add(Block);
    S.All.add(Block);
    if (Block.ViewsWindow)
      S.Saved += Block.Pages.clean();
  }
  for (const FoundBlock &Block : Found.Kept)
    S.Kept.add(Block);
  return S;
}

Json toJson(const Sum &S) {
  return {{"blocks", S.Blocks},         {"bytes", S.Bytes},
          {"asked", S.Asked},           {"clean_untouched", S.Pages.Untouched},
          {"clean_read", S.Pages.Read}, {"written", S.Pages.Written},
          {"filled", S.Pages.Filled},   {"shared", S.Pages.Shared},
          {"swapped", S.Pages.Swapped}};
}

void printJson(int Pid, const ProcessBlocks &Found, const Sums &S,
               double FillBytesASecond) {
  Json Report = startReport("report");
  Report["pid"] = Pid;
  Report["name"] = Found.Name;
  Report["boundaries"] = Found.HasHeaders ? "headers" : "mappings";
  Report["complete"] = Found.IsComplete;
  Report["zero_page_known"] = Found.KnowsZeroPage;
  Report["total"] = toJson(S.All);
  Report["sizes"] = Json::array();
  for (const auto &[Least, Part] : S.BySize) {
    Json Row = {{"from", Least}};
    Row.update(toJson(Part));
    Report["sizes"].push_back(Row);
  }
  Report["backends"] = Json::array();
  for (const auto &[Name, Part] : S.ByBackend) {
    Json Row = {{"name", Name}};
    Row.update(toJson(Part));
    Report["backends"].push_back(Row);
  }
  Report["kept"] = toJson(S.Kept);
  Report["windows"] = Json::array();
  for (const FoundWindow &W : Found.Windows)
    Report["windows"].push_back({{"inode", W.Inode},
                                 {"kernel_made", W.IsKernelMade},
                                 {"open", W.IsOpen},
                                 {"size", W.Size},
                                 {"memory", W.Memory},
                                 {"mappings", W.Mappings}});
  Report["accounted"] = {{"resident", Found.Resident},
                         {"proportional", Found.Proportional},
                         {"huge", Found.Huge}};
  Report["memset"] = {
      {"bytes", S.Saved},
      {"bytes_per_second", FillBytesASecond},
      {"seconds", static_cast<double>(S.Saved) / FillBytesASecond}};
  writeJson(stdout, Report);
}

// Of pages in some state, which make a column if there are any.
struct State {
  const char *Header;
  uint64_t (*Get)(const PageUse &);
  bool Always;
};
constexpr State States[] = {
    {"clean", [](const PageUse &U) { return U.clean(); }, true},
    {"written", [](const PageUse &U) { return U.Written; }, true},
    {"filled", [](const PageUse &U) { return U.Filled; }, false},
    {"shared", [](const PageUse &U) { return U.Shared; }, false},
    {"swapped", [](const PageUse &U) { return U.Swapped; }, false}};

class UseTable {
public:
  UseTable(const char *First, const Sums &S) {
    std::vector<Column> Columns = {{First, Align::Left},
                                   {"blocks", Align::Right},
                                   {"bytes", Align::Right}};
    for (const State &Of : States)
      if (Of.Always || Of.Get(S.All.Pages) || Of.Get(S.Kept.Pages)) {
        Shown.push_back(&Of);
        Columns.push_back({Of.Header, Align::Right});
      }
    Rows = Table(Columns);
  }
  void add(const std::string &Name, const Sum &S) {
    std::vector<std::string> Cells = {Name, std::to_string(S.Blocks),
                                      formatBytes(S.Bytes)};
    for (const State *Of : Shown)
      Cells.push_back(formatBytes(Of->Get(S.Pages)));
    Rows.addRow(Cells);
  }
  void print() const { Rows.print(stdout); }

private:
  std::vector<const State *> Shown;
  Table Rows{{}};
};

void printWindows(const ProcessBlocks &Found) {
  uint64_t Memory = 0;
  uint64_t Mappings = 0;
  size_t KernelMade = 0;
  size_t Closed = 0;
  for (const FoundWindow &W : Found.Windows) {
    Memory += W.Memory;
    Mappings += W.Mappings;
    KernelMade += W.IsKernelMade;
    Closed += !W.IsOpen;
  }
  if (Found.Windows.empty())
    return;
  std::string Text = "windows: " + std::to_string(Found.Windows.size());
  if (KernelMade)
    Text += " (" + std::to_string(KernelMade) + " made by the kernel)";
  Text += ", taking " + formatBytes(Memory) +
          "; mappings of them: " + std::to_string(Mappings);
  if (Closed)
    Text += "; without a descriptor: " + std::to_string(Closed);
  printWrapped(stdout, Text, 2);
}

void printNotes(const ProcessBlocks &Found, const Sums &S) {
  if (!Found.HasHeaders)
    printWrapped(stdout,
                 "estimated: block boundaries are those of mappings, and "
                 "blocks that view no window are not seen",
                 2);
  else if (!Found.IsComplete)
    printWrapped(stdout,
                 "not exact: the process allocated while it was looked at, and "
                 "a few blocks may be missing",
                 2);
  if (S.All.Pages.Filled)
    printWrapped(stdout,
                 "filled: the allocator wrote these pages first; whether the "
                 "program did too does not show",
                 2);
  if (S.All.Pages.Shared && !Found.KnowsZeroPage)
    printWrapped(stdout,
                 "shared: may have pages of zeros that were only read, which "
                 "this kernel does not tell apart (Linux 6.7 does)",
                 2);
}

void printText(int Pid, const ProcessBlocks &Found, const Sums &S,
               double FillBytesASecond) {
  printWrapped(stdout,
               Found.Name + " (pid " + std::to_string(Pid) +
                   "): large blocks in use: " + std::to_string(S.All.Blocks) +
                   ", " + formatBytes(S.All.Bytes));
  if (!S.All.Blocks && !S.Kept.Blocks)
    return;
  UseTable BySize("size from", S);
  for (const auto &[Least, Part] : S.BySize)
    BySize.add(formatBytes(Least), Part);
  if (S.BySize.size() != 1)
    BySize.add("all", S.All);
  if (S.Kept.Blocks)
    BySize.add("kept for reuse", S.Kept);
  BySize.print();
  fputc('\n', stdout);
  if (S.All.Blocks) {
    UseTable ByBackend("backend", S);
    for (const auto &[Name, Part] : S.ByBackend)
      ByBackend.add(Name, Part);
    ByBackend.print();
    fputc('\n', stdout);
  }
  printWindows(Found);
  if (S.Saved)
    printWrapped(
        stdout,
        "a memset of these blocks would have taken " + formatBytes(S.Saved) +
            " more of memory, and about " +
            formatTime(static_cast<double>(S.Saved) / FillBytesASecond) +
            " (here a fill takes " +
            formatTime((1UL << 30) / FillBytesASecond) + " a GiB)",
        2);
  printNotes(Found, S);
}

std::string getClock() {
  const time_t Now = time(nullptr);
  tm Local;
  char Text[16] = "";
  if (localtime_r(&Now, &Local))
    strftime(Text, sizeof(Text), "%H:%M:%S", &Local);
  return Text;
}

int report(int Argc, char **Argv) {
  const argp Parser = {
      OptionList,
      parseOption,
      "PID",
      "Shows the large blocks of a running process that uses the allocator: "
      "how "
      "much of them is clean, written, shared or swapped, and what a memset "
      "would have cost. The process is not stopped and not changed.\v"
      "Exit status: 1 trouble, 2 wrong arguments, 3 there is no such process "
      "or "
      "it exited, 4 no permission, 5 it does not use the allocator.",
      commonOptions(),
      nullptr,
      nullptr};
  ReportOptions Options;
  argp_parse(&Parser, Argc, Argv, 0, nullptr, &Options);

  const bool Redraws =
      Options.WatchSeconds && !Options.Common.Json && mayMoveCursor(stdout);
  double FillBytesASecond = 0;
  for (bool First = true;; First = false) {
    ProcessBlocks Found;
    try {
      Found = findBlocks(Options.Pid, Options.MapsOnly);
    } catch (const Failure &F) {
      // To watch until the end is what was asked for.
      if (First || F.getStatus() != NoProcess)
        throw;
      fprintf(stderr, "refpage report: process %d has exited\n", Options.Pid);
      return Success;
    }
    if (First)
      FillBytesASecond = measureFillSpeed();
    const Sums S = addUp(Found);
    if (Options.Common.Json) {
      printJson(Options.Pid, Found, S, FillBytesASecond);
    } else {
      if (Redraws)
        clearScreen(stdout);
      else if (!First)
        fputc('\n', stdout);
      if (Options.WatchSeconds)
        printf("%s  ", getClock().c_str());
      printText(Options.Pid, Found, S, FillBytesASecond);
    }
    if (!Options.WatchSeconds)
      return Success;
    if (fflush(stdout) != 0)
      return Success; // main() says why.
    const timespec Interval = {static_cast<time_t>(Options.WatchSeconds), 0};
    nanosleep(&Interval, nullptr);
  }
}

} // namespace

const Command ReportCommand = {
    "report", "the large blocks of a running process, seen from outside",
    report};

} // namespace refpage
