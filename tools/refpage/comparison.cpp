// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/comparison.h"

#include "tools/refpage/clock.h"
#include "tools/refpage/failure.h"
#include "tools/refpage/format.h"
#include "tools/refpage/progress.h"

namespace refpage {
namespace {

double toSeconds(const timeval &Time) {
  return static_cast<double>(Time.tv_sec) +
         static_cast<double>(Time.tv_usec) * 1e-6;
}

void add(const Outcome &Run, Samples *To) {
  To->Seconds.push_back(Run.Seconds);
  To->CpuSeconds.push_back(toSeconds(Run.Usage.ru_utime) +
                           toSeconds(Run.Usage.ru_stime));
  To->Faults.push_back(
      static_cast<double>(Run.Usage.ru_minflt + Run.Usage.ru_majflt));
  To->MaxRss.push_back(static_cast<double>(Run.Usage.ru_maxrss) * 1024);
}

} // namespace

std::vector<Contestant> getContestants(const std::string &Options) {
  std::vector<Contestant> All = {{"glibc", false, ""}};
  for (const char *Variant : {"anon", "memset", "refpage"}) {
    All.push_back({Variant, true, std::string("variant=") + Variant});
    if (!Options.empty())
      All.back().Options = Options + ":" + All.back().Options;
  }
  return All;
}

std::vector<Samples> compare(const Launch &What,
                             const std::vector<Contestant> &Contestants,
                             unsigned long Runs, bool IgnoreFailures) {
  std::vector<Samples> Results(Contestants.size());
  Progress Shown;
  const size_t All = Runs * Contestants.size();
  const double Start = getMonotonicTime();
  for (size_t Done = 0; Done != All; Done++) {
    const size_t Round = Done / Contestants.size();
    // Each round starts with another one: none always comes after the same.
    const size_t Index = (Done + Round) % Contestants.size();
    const Contestant &Now = Contestants[Index];
    std::string Text = "run " + std::to_string(Done + 1) + " of " +
                       std::to_string(All) + ": " + Now.Name;
    if (Done)
      Text +=
          ", " +
          formatTime((getMonotonicTime() - Start) / static_cast<double>(Done) *
                     static_cast<double>(All - Done)) +
          " left";
    Shown.show(Text);

    Launch This = What;
    if (!Now.HasLibrary)
      This.Library.clear();
    This.Options = Now.Options;
    const Outcome Run = runCommand(This);
    const int Status = Run.getExitStatus();
    if (Status && (!IgnoreFailures || Run.wasInterrupted())) {
      Shown.clear();
      throw Failure(std::string("'") + What.Command[0] + "' " + Run.describe() +
                        " (" + Now.Name +
                        "); --show-output shows what it says, "
                        "--ignore-failure goes on",
                    Status);
    }
    add(Run, &Results[Index]);
  }
  return Results;
}

} // namespace refpage
