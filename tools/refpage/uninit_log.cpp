// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/uninit_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>

namespace refpage {
namespace {

// Whether Text begins with Prefix; *Rest is what follows.
bool startsWith(const std::string &Text, const char *Prefix,
                std::string *Rest) {
  const std::string Wanted = Prefix;
  if (Text.compare(0, Wanted.size(), Wanted) != 0)
    return false;
  *Rest = Text.substr(Wanted.size());
  return true;
}

// "NAME (pid NUMBER)...".
void parseName(const std::string &Text, UninitProcess *Process) {
  const size_t At = Text.rfind(" (pid ");
  Process->Name = Text.substr(0, At);
  if (At != std::string::npos)
    Process->Pid = atoi(Text.c_str() + At + sizeof(" (pid ") - 1);
}

bool parseProcess(const std::string &Line, UninitProcess *Process) {
  int NameAt = 0;
  *Process = UninitProcess();
  if (sscanf(Line.c_str(),
             "refpage: uninitialised reads in %*u large blocks, of %*u sizes "
             "and callers, in %n",
             &NameAt) != EOF &&
      NameAt) {
    parseName(Line.substr(static_cast<size_t>(NameAt)), Process);
    return true;
  }
  std::string Rest;
  if (!startsWith(Line, "refpage: no uninitialised reads are seen in ", &Rest))
    return false;
  parseName(Rest, Process);
  Process->IsWatched = false;
  return true;
}

bool parseCounts(const std::string &Line, UninitProcess *Process) {
  if (sscanf(Line.c_str(),
             "refpage:   watched %" SCNu64 " blocks, %" SCNu64
             " bytes: a read shows by its page, but in %" SCNu64
             " of them only to %" SCNu64 " pages",
             &Process->WatchedBlocks, &Process->WatchedBytes,
             &Process->VagueBlocks, &Process->PagesARead) >= 2)
    return true;
  uint64_t Blocks;
  uint64_t Bytes;
  const int Found =
      sscanf(Line.c_str(),
             "refpage:   not watched: %" SCNu64 " blocks, %" SCNu64 " bytes",
             &Blocks, &Bytes);
  if (Found == 2) {
    Process->FilledBlocks = Blocks;
    Process->FilledBytes = Bytes;
    return true;
  }
  if (Found == 1) {
    Process->UnknownBlocks = Blocks;
    return true;
  }
  return sscanf(Line.c_str(), "refpage:   no room for %" SCNu64,
                &Process->LostReads) == 1;
}

bool parseFinding(const std::string &Line, UninitFinding *Finding) {
  *Finding = UninitFinding();
  int End = 0;
  if (sscanf(Line.c_str(),
             "refpage:   %" SCNu64 " blocks of %" SCNu64 " bytes: %" SCNu64
             " %n",
             &Finding->Blocks, &Finding->Size, &Finding->Reads, &End) < 3 ||
      !End)
    return false;
  std::string Ranges;
  const std::string Rest = Line.substr(static_cast<size_t>(End));
  Finding->IsExact = startsWith(Rest, "pages read at", &Ranges);
  if (!Finding->IsExact &&
      !startsWith(Rest, "reads, at least, within", &Ranges))
    return false;
  const char *Text = Ranges.c_str();
  uint64_t From;
  uint64_t To;
  for (int Length;
       sscanf(Text, " %" SCNu64 "-%" SCNu64 "%n", &From, &To, &Length) == 2;
       Text += Length)
    Finding->Ranges.emplace_back(From, To);
  Finding->HasMoreRanges = Ranges.find("...") != std::string::npos;
  return true;
}

bool parseCaller(const std::string &Line, CodeAddress *Caller) {
  std::string Text;
  if (!startsWith(Line, "refpage:     by ", &Text))
    return false;
  const size_t Plus = Text.rfind("+0x");
  *Caller = CodeAddress();
  if (Plus != std::string::npos) {
    Caller->Module = Text.substr(0, Plus);
    Text = Text.substr(Plus + 1);
  }
  char *End;
  Caller->Offset = strtoull(Text.c_str(), &End, 16);
  return *End == '\0' && End != Text.c_str();
}

void addFinding(UninitFinding New, std::vector<UninitFinding> *All) {
  for (UninitFinding &F : *All) {
    if (F.Size != New.Size || F.IsExact != New.IsExact ||
        !(F.Callers == New.Callers))
      continue;
    F.Blocks += New.Blocks;
    F.Reads += New.Reads;
    F.Processes++;
    return;
  }
  All->push_back(std::move(New));
}

} // namespace

UninitLog parseUninitLog(const std::vector<std::string> &Lines) {
  UninitLog Log;
  UninitFinding Current;
  const auto Finish = [&] {
    if (Current.Blocks)
      addFinding(std::move(Current), &Log.Findings);
    Current = UninitFinding();
  };
  for (const std::string &Line : Lines) {
    UninitProcess Process;
    UninitFinding Finding;
    CodeAddress Caller;
    if (parseProcess(Line, &Process)) {
      Finish();
      Log.Processes.push_back(std::move(Process));
    } else if (Log.Processes.empty()) {
      continue;
    } else if (parseFinding(Line, &Finding)) {
      Finish();
      Current = std::move(Finding);
    } else if (Current.Blocks && parseCaller(Line, &Caller)) {
      Current.Callers.push_back(std::move(Caller));
    } else {
      parseCounts(Line, &Log.Processes.back());
    }
  }
  Finish();
  std::sort(Log.Findings.begin(), Log.Findings.end(),
            [](const UninitFinding &A, const UninitFinding &B) {
              return A.Reads != B.Reads ? A.Reads > B.Reads : A.Size > B.Size;
            });
  return Log;
}

} // namespace refpage
