// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// refpage uninit: reads of memory that was never written.

#include "tools/refpage/command.h"
#include "tools/refpage/common_options.h"
#include "tools/refpage/failure.h"
#include "tools/refpage/format.h"
#include "tools/refpage/json_output.h"
#include "tools/refpage/launch.h"
#include "tools/refpage/library.h"
#include "tools/refpage/library_log.h"
#include "tools/refpage/output.h"
#include "tools/refpage/symbolizer.h"
#include "tools/refpage/table.h"
#include "tools/refpage/uninit_log.h"

#include <algorithm>

namespace refpage {
namespace {

struct UninitOptions {
  CommonOptions Common;
  std::string Output; // "": stderr.
  bool HasErrorStatus = false;
  int ErrorStatus = 0;
  char **Command = nullptr;
};

enum Keys : int { OutputKey = 'o', ErrorStatusKey = 0x2000 };

constexpr argp_option OptionList[] = {
    {"output", OutputKey, "FILE", 0,
     "Write the report there (default: standard error)", 0},
    {"error-exitcode", ErrorStatusKey, "N", 0,
     "Exit with N if there were such reads (default: with COMMAND's status)",
     0},
    {}};

error_t parseOption(int Key, char *Argument, argp_state *State) {
  auto &Given = *static_cast<UninitOptions *>(State->input);
  constexpr unsigned long MostStatus = 255;
  switch (Key) {
  case ARGP_KEY_INIT:
    State->child_inputs[0] = &Given.Common;
    return 0;
  case OutputKey:
    Given.Output = takePath("--output", Argument, State);
    return 0;
  case ErrorStatusKey:
    Given.ErrorStatus = static_cast<int>(
        parseNumber("--error-exitcode", Argument, 0, MostStatus, State));
    Given.HasErrorStatus = true;
    return 0;
  case ARGP_KEY_ARG:
    Given.Command = takeCommand(State);
    return 0;
  case ARGP_KEY_END:
    if (!Given.Command)
      argp_error(State, "no COMMAND");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

// All processes together.
UninitProcess addUp(const std::vector<UninitProcess> &Processes) {
  UninitProcess Sum;
  for (const UninitProcess &P : Processes) {
    Sum.WatchedBlocks += P.WatchedBlocks;
    Sum.WatchedBytes += P.WatchedBytes;
    Sum.VagueBlocks += P.VagueBlocks;
    Sum.PagesARead = std::max(Sum.PagesARead, P.PagesARead);
    Sum.FilledBlocks += P.FilledBlocks;
    Sum.FilledBytes += P.FilledBytes;
    Sum.UnknownBlocks += P.UnknownBlocks;
    Sum.LostReads += P.LostReads;
  }
  return Sum;
}

// Linked into a program the library cannot tell its own code from the program's
// (platform/call_stack.h), but names do. Where they are missing, or there is
// nothing else, all is left as it is.
void dropOwnCalls(const Symbolizer &Symbols,
                  std::vector<CodeAddress> *Callers) {
  const auto IsOwn = [&](const CodeAddress &Caller) {
    const std::string Name = Symbols.find(Caller).Function;
    for (const char *Prefix : {"refpage::", "scudo::", "scudo_"})
      if (Name.rfind(Prefix, 0) == 0)
        return true;
    return false;
  };
  const auto First = std::find_if_not(Callers->begin(), Callers->end(), IsOwn);
  if (First != Callers->end())
    Callers->erase(Callers->begin(), First);
}

std::string describe(const CodeAddress &Address, const Symbolizer &Symbols) {
  char Offset[32];
  snprintf(Offset, sizeof(Offset), "0x%llx",
           static_cast<unsigned long long>(Address.Offset));
  if (Address.Module.empty())
    return Offset;
  const CodeLocation At = Symbols.find(Address);
  std::string Place = Address.Module + "+" + Offset;
  if (At.Function.empty())
    return Place;
  if (!At.Line)
    return At.Function + " (" + Place + ")";
  return At.Function + " (" + At.File + ":" + std::to_string(At.Line) + ")";
}

std::string describe(const UninitFinding &F) {
  std::string Text = plural(F.Blocks, "block") + " of " +
                     std::to_string(F.Size) + " bytes (" + formatBytes(F.Size) +
                     "): ";
  Text += F.IsExact ? plural(F.Reads, "page") + " read, at "
                    : "at least " + plural(F.Reads, "read") + ", within ";
  const char *Separator = "";
  for (const auto &[From, To] : F.Ranges) {
    Text += Separator + std::to_string(From) + "-" + std::to_string(To);
    Separator = ", ";
  }
  if (F.HasMoreRanges)
    Text += " and elsewhere";
  if (F.Blocks > 1)
    Text += " in the first";
  if (F.Processes > 1)
    Text += "; in " + plural(F.Processes, "process");
  return Text;
}

void printText(FILE *Stream, const char *Command, const UninitLog &Log,
               const Symbolizer &Symbols) {
  const UninitProcess All = addUp(Log.Processes);
  uint64_t Blocks = 0;
  for (const UninitFinding &F : Log.Findings)
    Blocks += F.Blocks;
  std::string Result = "no large block was";
  if (Blocks)
    Result = "memory that was never written was read in " +
             plural(Blocks, "large block") + ", of " +
             std::to_string(All.WatchedBlocks);
  else if (All.WatchedBlocks)
    Result = "no reads of memory that was never written, of " +
             std::to_string(All.WatchedBlocks);
  printWrapped(Stream,
               "refpage uninit: " + makePrintable(getProgramName(Command)) +
                   ": " + Result + " watched in " +
                   plural(Log.Processes.size(), "process"));
  for (const UninitFinding &F : Log.Findings) {
    fputc('\n', Stream);
    printWrapped(Stream, describe(F), 2);
    if (F.Callers.empty())
      fprintf(Stream, "  allocated by an unknown caller\n");
    const char *Lead = "allocated";
    for (const CodeAddress &Caller : F.Callers) {
      fprintf(Stream, "  %9s by %s\n", Lead,
              makePrintable(describe(Caller, Symbols)).c_str());
      Lead = "";
    }
  }
  if (!Log.Findings.empty())
    fputc('\n', Stream);
  if (All.VagueBlocks)
    printWrapped(Stream, "In " + plural(All.VagueBlocks, "block") +
                             " a read is known to " +
                             std::to_string(All.PagesARead) +
                             " pages only: the kernel maps so many at once.");
  else if (All.WatchedBlocks)
    printWrapped(Stream, "Each read is known to its page.");
  if (All.FilledBlocks)
    printWrapped(Stream, "Not watched, since they were filled: " +
                             plural(All.FilledBlocks, "block") + ", " +
                             formatBytes(All.FilledBytes) + ".");
  if (All.UnknownBlocks)
    printWrapped(Stream, "Not watched, since /proc/self/pagemap does not tell "
                         "which pages were read: " +
                             plural(All.UnknownBlocks, "block") + ".");
  if (All.LostReads)
    printWrapped(Stream, "There was no room for " +
                             plural(All.LostReads, "more read") +
                             ", in blocks of other sizes or from elsewhere.");
  for (const UninitProcess &P : Log.Processes)
    if (!P.IsWatched)
      printWrapped(
          Stream, makePrintable(P.Name) + " (process " + std::to_string(P.Pid) +
                      ") was not watched: that takes variant=refpage, a "
                      "pattern that is not zero, and Linux 4.14.");
  if (Symbols.isMissing())
    printWrapped(Stream, "For names of functions and lines install addr2line "
                         "(binutils) or llvm-symbolizer.");
}

Json toJson(const UninitFinding &F, const Symbolizer &Symbols) {
  Json Ranges = Json::array();
  for (const auto &[From, To] : F.Ranges)
    Ranges.push_back({{"from", From}, {"to", To}});
  Json Callers = Json::array();
  for (const CodeAddress &Address : F.Callers) {
    const CodeLocation At = Symbols.find(Address);
    Callers.push_back({{"module", Address.Module},
                       {"offset", Address.Offset},
                       {"function", At.Function},
                       {"file", At.File},
                       {"line", At.Line}});
  }
  return {{"size", F.Size},           {"blocks", F.Blocks},
          {"reads", F.Reads},         {"exact", F.IsExact},
          {"ranges", Ranges},         {"more_ranges", F.HasMoreRanges},
          {"processes", F.Processes}, {"callers", Callers}};
}

void printJson(FILE *Stream, char **Command, const Outcome &Ended,
               const UninitLog &Log, const Symbolizer &Symbols) {
  Json Report = startReport("uninit");
  Report["command"] = listCommand(Command);
  Report["exit_status"] = Ended.getExitStatus();
  Report["processes"] = Json::array();
  for (const UninitProcess &P : Log.Processes)
    Report["processes"].push_back({{"name", P.Name},
                                   {"pid", P.Pid},
                                   {"watched", P.IsWatched},
                                   {"watched_blocks", P.WatchedBlocks},
                                   {"watched_bytes", P.WatchedBytes},
                                   {"vague_blocks", P.VagueBlocks},
                                   {"pages_a_read", P.PagesARead},
                                   {"filled_blocks", P.FilledBlocks},
                                   {"filled_bytes", P.FilledBytes},
                                   {"unknown_blocks", P.UnknownBlocks},
                                   {"lost_reads", P.LostReads}});
  Report["findings"] = Json::array();
  for (const UninitFinding &F : Log.Findings)
    Report["findings"].push_back(toJson(F, Symbols));
  writeJson(Stream, Report);
}

int findReads(int Argc, char **Argv) {
  const argp Parser = {
      OptionList,
      parseOption,
      "[--] COMMAND [ARGUMENT...]",
      "Runs a command on the allocator and shows which pages of its large "
      "blocks (more than 128 KiB) were read though nobody had written to them, "
      "and who allocated the blocks."
      "\v"
      "Looked at are all programs that the command starts, when they free a "
      "block and when they exit. Pages that were written before or after they "
      "were read are not seen. The exit status is the command's, or that of "
      "--error-exitcode.",
      launchOptions(),
      nullptr,
      nullptr};
  UninitOptions Options;
  argp_parse(&Parser, Argc, Argv, ARGP_IN_ORDER, nullptr, &Options);

  Output To(Options.Output, stderr);
  const LibraryLog Written;
  Launch What;
  What.Command = Options.Command;
  What.Library = findLibrary(Options.Common.Library);
  What.Options = "uninit=report:" + Written.getOption();
  const Outcome Ended = runCommand(What);

  UninitLog Log = parseUninitLog(Written.readLines());
  std::vector<CodeAddress> Callers;
  for (const UninitFinding &F : Log.Findings)
    Callers.insert(Callers.end(), F.Callers.begin(), F.Callers.end());
  Symbolizer Symbols;
  Symbols.load(Callers);
  for (UninitFinding &F : Log.Findings)
    dropOwnCalls(Symbols, &F.Callers);
  if (Options.Common.Json)
    printJson(To.get(), Options.Command, Ended, Log, Symbols);
  else
    printText(To.get(), Options.Command[0], Log, Symbols);
  if (Log.Processes.empty())
    fprintf(stderr,
            "refpage uninit: no program told anything: those that are linked "
            "statically or set-user-ID do not use the library, and those that "
            "end by a signal or _exit() do not report\n");
  To.finish();
  return Options.HasErrorStatus && !Log.Findings.empty()
             ? Options.ErrorStatus
             : Ended.getExitStatus();
}

} // namespace

const Command UninitCommand = {
    "uninit", "which large blocks were read before they were written",
    findReads};

} // namespace refpage
