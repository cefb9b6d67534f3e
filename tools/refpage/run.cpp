// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// refpage run: a command on the allocator, and what that did.

#include "tools/refpage/command.h"
#include "tools/refpage/common_options.h"
#include "tools/refpage/comparison.h"
#include "tools/refpage/failure.h"
#include "tools/refpage/format.h"
#include "tools/refpage/library.h"
#include "tools/refpage/library_log.h"
#include "tools/refpage/median.h"
#include "tools/refpage/table.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include <memory>

namespace refpage {
namespace {

struct RunOptions {
  CommonOptions Common;
  std::string Variant; // "": as REFPAGE_OPTIONS has it.
  std::string Options;
  std::string Output; // "": stderr, or stdout for a comparison.
  bool Compare = false;
  bool IgnoreFailures = false;
  bool ShowOutput = false;
  unsigned long Runs = 0; // 0: not given.
  char **Command = nullptr;
};

enum Keys : int {
  VariantKey = 0x2000,
  OptionsKey,
  OutputKey,
  CompareKey,
  RunsKey,
  IgnoreFailureKey,
  ShowOutputKey,
};

constexpr argp_option OptionList[] = {
    {"variant", VariantKey, "VARIANT", 0,
     "refpage (clean pages hold the pattern, free of cost; the default), "
     "memset "
     "(every block is filled with it) or anon (blocks are not filled)",
     0},
    {"options", OptionsKey, "OPTIONS", 0,
     "More REFPAGE_OPTIONS, such as pattern=00:window_max=1M", 0},
    {"output", OutputKey, "FILE", 0,
     "Write the report there (default: stderr; with --compare stdout)", 0},
    {"compare", CompareKey, nullptr, 0,
     "Run COMMAND several times with glibc's malloc and with each variant, in "
     "turn, and show a table. It has nothing to read, and what it writes is "
     "dropped",
     2},
    {"runs", RunsKey, "N", 0, "With --compare: so many runs each (default 5)",
     2},
    {"show-output", ShowOutputKey, nullptr, 0,
     "With --compare: show on stderr what COMMAND writes", 2},
    {"ignore-failure", IgnoreFailureKey, nullptr, 0,
     "With --compare: go on when COMMAND fails", 2},
    {}};

constexpr char Help[] =
    "Runs COMMAND with the allocator preloaded, and reports at the end what it "
    "took and what became of its large blocks."
    "\v"
    "COMMAND keeps its stdin, stdout and stderr, gets the signals that this "
    "program gets, and its exit status is passed on: 128+N if signal N ended "
    "it, 126 if it cannot be run, 127 if it is not found. An LD_PRELOAD and "
    "REFPAGE_OPTIONS of the environment stay in force, these options after "
    "them. Programs that are linked statically, set-user-ID, or bring their "
    "own "
    "malloc, are not affected.";

void checkTogether(const RunOptions &Given, const argp_state *State) {
  if (!Given.Command)
    argp_error(State, "no COMMAND");
  if (Given.Compare && !Given.Variant.empty())
    argp_error(State, "--compare shows every variant: leave out --variant");
  if (!Given.Compare &&
      (Given.Runs || Given.ShowOutput || Given.IgnoreFailures))
    argp_error(State, "--runs, --show-output and --ignore-failure go with "
                      "--compare");
}

error_t parseOption(int Key, char *Argument, argp_state *State) {
  RunOptions &Given = *static_cast<RunOptions *>(State->input);
  constexpr unsigned long MostRuns = 1000;
  switch (Key) {
  case ARGP_KEY_INIT:
    State->child_inputs[0] = &Given.Common;
    return 0;
  case VariantKey:
    Given.Variant = Argument;
    if (Given.Variant != "refpage" && Given.Variant != "memset" &&
        Given.Variant != "anon")
      argp_error(State, "--variant takes refpage, memset or anon, not '%s'",
                 Argument);
    return 0;
  case OptionsKey:
    Given.Options = Argument;
    return 0;
  case OutputKey:
    Given.Output = Argument;
    return 0;
  case CompareKey:
    Given.Compare = true;
    return 0;
  case RunsKey:
    Given.Runs = parseNumber("--runs", Argument, 1, MostRuns, State);
    return 0;
  case ShowOutputKey:
    Given.ShowOutput = true;
    return 0;
  case IgnoreFailureKey:
    Given.IgnoreFailures = true;
    return 0;
  case ARGP_KEY_ARG:
    Given.Command = takeCommand(State);
    return 0;
  case ARGP_KEY_END:
    checkTogether(Given, State);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

using File = std::unique_ptr<FILE, int (*)(FILE *)>;

// Where the report goes. Opened before the command runs, so that one that
// cannot be written is known in time.
File openOutput(const std::string &Path, FILE *Default) {
  if (Path.empty())
    return File(Default, fflush);
  FILE *Opened = fopen(Path.c_str(), "we");
  if (!Opened)
    throw Failure("--output: " + Path + ": " + strerror(errno));
  return File(Opened, fclose);
}

double getCpuSeconds(const timeval &Time) {
  return static_cast<double>(Time.tv_sec) +
         static_cast<double>(Time.tv_usec) * 1e-6;
}

Json listCommand(char **Command) {
  Json List = Json::array();
  for (; *Command; Command++)
    List.push_back(*Command);
  return List;
}

std::string join(char **Command) {
  std::string Line = *Command;
  while (*++Command)
    Line.append(" ").append(*Command);
  return makePrintable(Line);
}

std::string plural(uint64_t Count, const char *Thing) {
  return std::to_string(Count) + " " + Thing + (Count == 1 ? "" : "s");
}

// A line of the report.
void say(FILE *To, const std::string &Text) {
  printWrapped(To, "refpage:   " + Text, sizeof("refpage:   ") + 1);
}

void reportLargeBlocks(FILE *To, const Json &Stats) {
  for (const Json &B : Stats["backends"]) {
    const uint64_t Made = B["blocks"];
    const uint64_t Reused = B["reused_blocks"];
    say(To, B["name"].get<std::string>() + ": " + plural(Made, "block") + ", " +
                formatBytes(B["bytes"]) + "; " + plural(Reused, "block") +
                " used again, " + formatBytes(B["reused_bytes"]));
  }
  say(To, "filled " + formatBytes(Stats["filled_bytes"]) + "; never filled " +
              formatBytes(Stats["never_filled_bytes"]));
  const Json &Windows = Stats["windows"];
  if (Windows["made"] != 0)
    say(To, "windows took " + formatBytes(Windows["peak_bytes"]) + " at most");
  for (const Json &C : Stats["choices"])
    if (C["fallback"] == true)
      say(To, "fallback: " + plural(C["blocks"], "block") + " because " +
                  C["reason"].get<std::string>() +
                  (C["error"].is_null()
                       ? ""
                       : " (" + C["error"].get<std::string>() + ")"));
}

void report(FILE *To, const RunOptions &Given, const Outcome &Run,
            const std::vector<Json> &Processes) {
  printWrapped(To, "refpage: " + join(Given.Command) + " " + Run.describe());
  say(To, "time " + formatTime(Run.Seconds) + "; CPU " +
              formatTime(getCpuSeconds(Run.Usage.ru_utime)) + " user, " +
              formatTime(getCpuSeconds(Run.Usage.ru_stime)) + " system; " +
              std::to_string(Run.Usage.ru_minflt + Run.Usage.ru_majflt) +
              " page faults; at most " +
              formatBytes(static_cast<uint64_t>(Run.Usage.ru_maxrss) * 1024) +
              " resident");
  const Json *Own = nullptr;
  uint64_t Others = 0;
  for (const Json &P : Processes) {
    if (P["pid"] == Run.Pid)
      Own = &P;
    else if (!P["backends"].empty())
      Others++;
  }
  if (!Own)
    say(To, WIFSIGNALED(Run.WaitStatus)
                ? "nothing is known of its large blocks: a signal ended it"
                : "nothing is known of its large blocks: it is linked "
                  "statically, runs with more rights than you, has a malloc of "
                  "its own, or left without exit()");
  else if ((*Own)["backends"].empty())
    say(To, "no large blocks");
  else
    reportLargeBlocks(To, *Own);
  if (Others)
    say(To, plural(Others, "other process") + " of it had large blocks "
                                              "(--json has them)");
}

Json toJson(const RunOptions &Given, const Outcome &Run,
            const std::vector<Json> &Processes) {
  Json Report = startReport("run");
  Report["command"] = listCommand(Given.Command);
  Report["pid"] = Run.Pid;
  Report["exit_status"] = Run.getExitStatus();
  Report["signal"] = WIFSIGNALED(Run.WaitStatus)
                         ? Json(WTERMSIG(Run.WaitStatus))
                         : Json(nullptr);
  Report["seconds"] = Run.Seconds;
  Report["user_seconds"] = getCpuSeconds(Run.Usage.ru_utime);
  Report["system_seconds"] = getCpuSeconds(Run.Usage.ru_stime);
  Report["page_faults"] = Run.Usage.ru_minflt + Run.Usage.ru_majflt;
  Report["max_rss_bytes"] = static_cast<uint64_t>(Run.Usage.ru_maxrss) * 1024;
  Report["processes"] = Processes;
  return Report;
}

int runOnce(const RunOptions &Given, Launch What) {
  const File Output = openOutput(Given.Output, stderr);
  const LibraryLog Log;
  What.Options = Given.Options;
  for (const std::string &More :
       {Given.Variant.empty() ? "" : "variant=" + Given.Variant,
        std::string("stats=json"), Log.getOption()})
    if (!More.empty())
      What.Options += (What.Options.empty() ? "" : ":") + More;

  const Outcome Run = runCommand(What);
  const std::vector<Json> Processes = parseStats(Log.readLines());
  if (Given.Common.Json)
    writeJson(Output.get(), toJson(Given, Run, Processes));
  else
    report(Output.get(), Given, Run, Processes);
  return Run.getExitStatus();
}

int runComparison(const RunOptions &Given, Launch What) {
  constexpr unsigned long DefaultRuns = 5;
  const unsigned long Runs = Given.Runs ? Given.Runs : DefaultRuns;
  const File Output = openOutput(Given.Output, stdout);
  What.InAndOut = Given.ShowOutput ? Streams::ToStderr : Streams::None;
  const std::vector<Contestant> All = getContestants(Given.Options);
  const std::vector<Samples> Results =
      compare(What, All, Runs, Given.IgnoreFailures);

  Table Shown({{"malloc"},
               {"time", Align::Right},
               {"", Align::Right},
               {"CPU", Align::Right},
               {"", Align::Right},
               {"faults", Align::Right},
               {"", Align::Right},
               {"max RSS", Align::Right},
               {"", Align::Right}});
  Json List = Json::array();
  const Samples &Base = Results[0];
  for (size_t I = 0; I != All.size(); I++) {
    const Samples &S = Results[I];
    const double Seconds = getMedian(S.Seconds);
    const double Cpu = getMedian(S.CpuSeconds);
    const double Faults = getMedian(S.Faults);
    const double Rss = getMedian(S.MaxRss);
    Shown.addRow({All[I].Name, formatTime(Seconds),
                  formatRatio(Seconds, getMedian(Base.Seconds)),
                  formatTime(Cpu), formatRatio(Cpu, getMedian(Base.CpuSeconds)),
                  std::to_string(static_cast<uint64_t>(Faults)),
                  formatRatio(Faults, getMedian(Base.Faults)),
                  formatBytes(static_cast<uint64_t>(Rss)),
                  formatRatio(Rss, getMedian(Base.MaxRss))});
    List.push_back({{"malloc", All[I].Name},
                    {"seconds", Seconds},
                    {"cpu_seconds", Cpu},
                    {"page_faults", Faults},
                    {"max_rss_bytes", Rss},
                    {"all_seconds", S.Seconds},
                    {"all_cpu_seconds", S.CpuSeconds}});
  }
  if (Given.Common.Json) {
    Json Report = startReport("comparison");
    Report["command"] = listCommand(Given.Command);
    Report["runs"] = Runs;
    Report["results"] = List;
    writeJson(Output.get(), Report);
    return Success;
  }
  printWrapped(Output.get(), join(Given.Command) + ": medians of " +
                                 plural(Runs, "run") + ", and times glibc's");
  Shown.print(Output.get());
  return Success;
}

int run(int Argc, char **Argv) {
  const argp Parser = {OptionList, parseOption,     "[--] COMMAND [ARG...]",
                       Help,       commonOptions(), nullptr,
                       nullptr};
  RunOptions Given;
  argp_parse(&Parser, Argc, Argv, ARGP_IN_ORDER, nullptr, &Given);
  Launch What;
  What.Command = Given.Command;
  What.Library = findLibrary(Given.Common.Library);
  return Given.Compare ? runComparison(Given, What) : runOnce(Given, What);
}

} // namespace

const Command RunCommand = {
    "run", "run a command on the allocator, or compare it with others", run};

} // namespace refpage
