// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// refpage probe: which ways to reference pages this machine has, what they
// cost, and what the allocator would choose.

#include "tools/refpage/backend_trials.h"
#include "tools/refpage/choices.h"
#include "tools/refpage/command.h"
#include "tools/refpage/common_options.h"
#include "tools/refpage/failure.h"
#include "tools/refpage/format.h"
#include "tools/refpage/machine.h"
#include "tools/refpage/table.h"

#include <stdlib.h>

namespace refpage {
namespace {

error_t parseOption(int Key, char *Argument, argp_state *State) {
  switch (Key) {
  case ARGP_KEY_INIT:
    State->child_inputs[0] = State->input;
    return 0;
  case ARGP_KEY_ARG:
    argp_error(State, "it takes no arguments, such as '%s'", Argument);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

constexpr char Help[] =
    "Shows every way to get memory whose clean pages hold a pattern: whether "
    "it works on this machine, what a block of 1 MiB costs, from its mapping "
    "to its unmapping, and what the allocator would choose."
    "\v"
    "REFPAGE_OPTIONS is taken into account, as the allocator would. Takes "
    "about "
    "a second; times are medians.";

void printBackends(const std::vector<Trial> &Trials) {
  Table Costs({{"backend"},
               {"untouched", Align::Right},
               {"1 %", Align::Right},
               {"all", Align::Right},
               {"first", Align::Right},
               {"maps", Align::Right},
               {"filled", Align::Right},
               {"windows", Align::Right}});
  std::vector<Trial> Failed;
  Table Failures({{"not here"}, {"because"}, {"it takes"}});
  for (const Trial &T : Trials) {
    if (T.Works)
      Costs.addRow({T.Name, formatTime(T.Cost.Untouched),
                    formatTime(T.Cost.OnePercentWritten),
                    formatTime(T.Cost.AllWritten), formatTime(T.FirstSeconds),
                    std::to_string(T.Mappings), formatBytes(T.FilledBytes),
                    formatBytes(T.WindowBytes)});
    else
      Failed.push_back(T);
  }
  // The device's kinds of pages come together, and fail together.
  for (size_t I = 0; I != Failed.size(); I++) {
    std::string Names = Failed[I].Name;
    while (I + 1 != Failed.size() && Failed[I + 1].Reason == Failed[I].Reason &&
           Failed[I + 1].Remedy == Failed[I].Remedy)
      Names += ", " + Failed[++I].Name;
    Failures.addRow({Names, Failed[I].Reason, Failed[I].Remedy});
  }
  printWrapped(stdout,
               "What a block of " + formatBytes(TrialBlockSize) +
                   " costs, from its mapping to its unmapping: untouched, with "
                   "1 % of its pages written, with all of them; and the first "
                   "one, whose windows have to be made.");
  Costs.print(stdout);
  printWrapped(stdout, "(dense_fill: a memset for blocks that get written "
                       "whole. zero: memory that nobody fills.)");
  printf("\n");
  if (!Failures.isEmpty()) {
    Failures.print(stdout);
    printf("\n");
  }
}

void printTagLoops(const std::vector<TagLoopCost> &Loops) {
  if (Loops.empty())
    return;
  Table Shown({{"tag loop"}, {"for 1 MiB", Align::Right}});
  for (const TagLoopCost &L : Loops)
    Shown.addRow({L.Name, formatTime(L.Seconds)});
  Shown.print(stdout);
  printf("\n");
}

void printChoices(const std::vector<ChosenBackend> &Choices) {
  const char *Options = getenv("REFPAGE_OPTIONS");
  printWrapped(
      stdout, "What the allocator would choose" +
                  (Options && *Options
                       ? " with REFPAGE_OPTIONS=" + makePrintable(Options) + ":"
                       : std::string(":")));
  Table Shown({{"block", Align::Right},
               {"use"},
               {"backend"},
               {"maps", Align::Right},
               {"because"}});
  for (const ChosenBackend &C : Choices)
    Shown.addRow({formatBytes(C.BlockBytes), C.Use,
                  C.Name.empty() ? "no memory" : C.Name,
                  std::to_string(C.Mappings),
                  C.Reason + (C.Error.empty() ? "" : " (" + C.Error + ")")});
  Shown.print(stdout);
  printf("\n");
}

void printMachine(const std::vector<MachineFact> &Facts) {
  Table Shown({{"this machine"}, {""}});
  for (const MachineFact &F : Facts)
    Shown.addRow({F.Label, F.Text});
  Shown.print(stdout);
}

Json toJson(const std::vector<Trial> &Trials) {
  Json List = Json::array();
  for (const Trial &T : Trials) {
    Json Entry = {{"name", T.Name}, {"works", T.Works}};
    if (T.Works) {
      Entry["untouched_seconds"] = T.Cost.Untouched;
      Entry["one_percent_written_seconds"] = T.Cost.OnePercentWritten;
      Entry["all_written_seconds"] = T.Cost.AllWritten;
      Entry["first_block_seconds"] = T.FirstSeconds;
      Entry["mappings"] = T.Mappings;
      Entry["filled_bytes"] = T.FilledBytes;
      Entry["window_bytes"] = T.WindowBytes;
    } else {
      Entry["reason"] = T.Reason;
      Entry["remedy"] = T.Remedy;
    }
    List.push_back(Entry);
  }
  return List;
}

Json toJson(const std::vector<TagLoopCost> &Loops) {
  Json List = Json::array();
  for (const TagLoopCost &L : Loops)
    List.push_back({{"name", L.Name}, {"seconds", L.Seconds}});
  return List;
}

Json toJson(const std::vector<ChosenBackend> &Choices) {
  Json List = Json::array();
  for (const ChosenBackend &C : Choices)
    List.push_back({{"block_bytes", C.BlockBytes},
                    {"use", C.Use},
                    {"backend", C.Name},
                    {"mappings", C.Mappings},
                    {"reason", C.Reason},
                    {"error", C.Error}});
  return List;
}

Json toJson(const std::vector<MachineFact> &Facts) {
  Json Object = Json::object();
  for (const MachineFact &F : Facts)
    Object[F.Key] = F.Value;
  return Object;
}

int probe(int Argc, char **Argv) {
  const argp Parser = {nullptr,         parseOption, nullptr, Help,
                       commonOptions(), nullptr,     nullptr};
  CommonOptions Common;
  argp_parse(&Parser, Argc, Argv, 0, nullptr, &Common);

  const Options &Asked = getOptions();
  const std::vector<MachineFact> Machine = describeMachine();
  const std::vector<Trial> Trials =
      tryBackends(Asked.pattern.Value, Asked.window_max.Value);
  const std::vector<TagLoopCost> TagLoops = timeTagLoops();
  const std::vector<ChosenBackend> Choices = askForChoices(Asked);
  if (Common.Json) {
    Json Report = startReport("probe");
    Report["machine"] = toJson(Machine);
    Report["block_bytes"] = TrialBlockSize;
    Report["backends"] = toJson(Trials);
    Report["tag_loops"] = toJson(TagLoops);
    Report["choices"] = toJson(Choices);
    writeJson(stdout, Report);
    return Success;
  }
  printBackends(Trials);
  printTagLoops(TagLoops);
  printChoices(Choices);
  printMachine(Machine);
  return Success;
}

} // namespace

const Command ProbeCommand = {
    "probe", "what this machine offers, and what the allocator would choose",
    probe};

} // namespace refpage
