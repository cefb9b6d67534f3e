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
#include "tools/refpage/output.h"
#include "tools/refpage/table.h"

#include <sys/wait.h>

#include <algorithm>

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
  OutputKey = 'o',
  VariantKey = 0x2000,
  OptionsKey,
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
     "With --compare: COMMAND's output goes to stderr", 2},
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
    Given.Output = takePath("--output", Argument, State);
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

double getCpuSeconds(const timeval &Time) {
  return static_cast<double>(Time.tv_sec) +
         static_cast<double>(Time.tv_usec) * 1e-6;
}

std::string join(char **Command) {
  std::string Line = *Command;
  while (*++Command)
    Line.append(" ").append(*Command);
  return makePrintable(Line);
}

// A line of the report.
void say(FILE *To, const std::string &Text) {
  printWrapped(To, "refpage:   " + Text, sizeof("refpage:   ") + 1);
}

// One reason of the library for what it did not want to do.
void sayReason(FILE *To, const Json &Reason) {
  say(To, "fallback: " + plural(Reason["blocks"], "block") + " because " +
              Reason["reason"].get<std::string>() +
              (Reason["error"].is_null()
                   ? ""
                   : " (" + Reason["error"].get<std::string>() + ")"));
}

// Adds the numbers of one object to those of another that has the same keys.
void addTo(Json *Sum, const Json &Part) {
  for (const auto &[Key, Value] : Part.items())
    if (Value.is_number())
      (*Sum)[Key] = Sum->value(Key, uint64_t{0}) + Value.get<uint64_t>();
}

// Adds up lists whose elements have a name, which is under that key.
void addTo(Json *Sum, const Json &List, const char *NameKey) {
  for (const Json &Part : List) {
    Json &Element = (*Sum)[Part[NameKey].get<std::string>()];
    if (Element.is_null())
      Element = Json::object();
    for (const char *Kept : {NameKey, "fallback", "error"})
      if (Part.contains(Kept))
        Element[Kept] = Part[Kept];
    addTo(&Element, Part);
  }
}

void reportLargeBlocks(FILE *To, const std::vector<Json> &Processes) {
  Json Backends = Json::object();
  Json Choices = Json::object();
  Json Sum = Json::object();
  uint64_t MostByWindows = 0;
  for (const Json &P : Processes) {
    addTo(&Backends, P["backends"], "name");
    addTo(&Choices, P["choices"], "reason");
    addTo(&Sum, P);
    MostByWindows =
        std::max<uint64_t>(MostByWindows, P["windows"]["peak_bytes"]);
  }
  for (const Json &B : Backends)
    say(To, B["name"].get<std::string>() + ": " + plural(B["blocks"], "block") +
                ", " + formatBytes(B["bytes"]) + "; " +
                plural(B["reused_blocks"], "block") + " used again, " +
                formatBytes(B["reused_bytes"]));
  say(To, "filled " + formatBytes(Sum["filled_bytes"]) + "; never filled " +
              formatBytes(Sum["never_filled_bytes"]));
  if (MostByWindows)
    say(To, "windows took " + formatBytes(MostByWindows) + " at most" +
                (Processes.size() == 1 ? "" : " in one process"));
  for (const Json &C : Choices)
    if (C["fallback"] == true)
      sayReason(To, C);
}

// Of the processes that said anything at their exit.
void reportProcesses(FILE *To, const std::string &Command, const Outcome &Run,
                     const std::vector<Json> &Processes) {
  std::vector<Json> WithBlocks;
  bool HasOwn = false;
  for (const Json &P : Processes) {
    HasOwn |= P["pid"] == Run.Pid;
    if (!P["backends"].empty())
      WithBlocks.push_back(P);
  }
  if (!HasOwn)
    say(To, "nothing from " + makePrintable(Command) + " itself: " +
                (WIFSIGNALED(Run.WaitStatus)
                     ? "a signal ended it"
                     : "it allocated nothing, is linked statically, runs with "
                       "more rights than you, has a malloc of its own, "
                       "closed descriptors that are not its own, or ended "
                       "without exit()"));
  if (Processes.size() > 1 || (!HasOwn && !Processes.empty()))
    say(To, "of " + plural(Processes.size(), "process") + ", " +
                std::to_string(WithBlocks.size()) + " with large blocks:");
  if (!WithBlocks.empty())
    reportLargeBlocks(To, WithBlocks);
  else if (HasOwn)
    say(To, "no large blocks");
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
  reportProcesses(To, Given.Command[0], Run, Processes);
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
  Output To(Given.Output, stderr);
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
    writeJson(To.get(), toJson(Given, Run, Processes));
  else
    report(To.get(), Given, Run, Processes);
  To.finish();
  return Run.getExitStatus();
}

int runComparison(const RunOptions &Given, Launch What) {
  constexpr unsigned long DefaultRuns = 5;
  const unsigned long Runs = Given.Runs ? Given.Runs : DefaultRuns;
  Output To(Given.Output, stdout);
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
    writeJson(To.get(), Report);
    To.finish();
    return Success;
  }
  printWrapped(To.get(), join(Given.Command) + ": medians of " +
                             plural(Runs, "run") + ", and times glibc's");
  Shown.print(To.get());
  To.finish();
  return Success;
}

int run(int Argc, char **Argv) {
  const argp Parser = {OptionList, parseOption,     "[--] COMMAND [ARG...]",
                       Help,       launchOptions(), nullptr,
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
