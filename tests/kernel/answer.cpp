// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/kernel/answer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace refpage_test {
namespace {

// Where the probe's process writes its answer.
int AnswerFd = -1;
// The probe's process, whose children must not answer for it.
pid_t ProbeProcess = 0;

} // namespace

Answer yes(std::string Detail) { return {"yes", std::move(Detail)}; }
Answer no(std::string Detail) { return {"no", std::move(Detail)}; }
Answer yesIf(bool Holds, std::string DetailIfNot) {
  return Holds ? yes() : no(std::move(DetailIfNot));
}
Answer unknown(std::string Why) { return {"?", std::move(Why)}; }
Answer number(size_t Value) { return {std::to_string(Value), {}}; }

std::string errnoName(int Errno) {
  const char *Name = strerrorname_np(Errno);
  return Name ? Name : "errno " + std::to_string(Errno);
}

std::string signalName(int Signal) {
  const char *Name = sigabbrev_np(Signal);
  return Name ? std::string("SIG") + Name : "signal " + std::to_string(Signal);
}

Answer ofErrno(int Errno, std::string What) {
  return {Errno ? errnoName(Errno) : "yes", std::move(What)};
}

Answer ofResult(long Result, std::string What) {
  return ofErrno(Result == -1 ? errno : 0, std::move(What));
}

Answer ofSignal(int Signal, std::string What) {
  return {Signal ? signalName(Signal) : "yes", std::move(What)};
}

void endProbe(const Answer &Found) {
  const std::string Text = Found.Value + '\n' + Found.Detail;
  if (getpid() == ProbeProcess)
    _exit(write(AnswerFd, Text.data(), Text.size()) ==
                  static_cast<ssize_t>(Text.size())
              ? 0
              : 1);
  // In a child of the probe's: that it failed has to do.
  const std::string Line = Text + '\n';
  _exit(write(STDERR_FILENO, Line.data(), Line.size()) < 0 ? 3 : 2);
}

void giveUp(const std::string &What) {
  const int Errno = errno;
  endProbe({"error", What + (Errno ? ": " + errnoName(Errno) : "")});
}

Answer runProbe(unsigned Seconds, const std::function<Answer()> &Probe) {
  int Ends[2];
  if (pipe(Ends) != 0)
    return {"error", "pipe"};
  const pid_t Pid = fork();
  if (Pid == -1)
    return {"error", "fork"};
  if (Pid == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(Ends[0]);
    AnswerFd = Ends[1];
    ProbeProcess = getpid();
    alarm(Seconds);
    endProbe(Probe());
  }
  close(Ends[1]);
  // Children that a probe left behind may hold the pipe, so its end comes
  // first.
  int Status = 0;
  while (waitpid(Pid, &Status, 0) == -1 && errno == EINTR)
    ;
  kill(-Pid, SIGKILL);
  std::string Text;
  char Part[4096];
  ssize_t Got;
  while ((Got = read(Ends[0], Part, sizeof(Part))) > 0)
    Text.append(Part, static_cast<size_t>(Got));
  close(Ends[0]);

  if (WIFSIGNALED(Status))
    return WTERMSIG(Status) == SIGALRM
               ? Answer{"hangs", "after " + std::to_string(Seconds) + " s"}
               : Answer{signalName(WTERMSIG(Status)), "killed the probe"};
  const size_t End = Text.find('\n');
  if (WEXITSTATUS(Status) != 0 || End == std::string::npos)
    return {"error", "exit status " + std::to_string(WEXITSTATUS(Status))};
  return {Text.substr(0, End), Text.substr(End + 1)};
}

int runInProcess(const std::function<bool()> &Body) {
  const pid_t Pid = fork();
  if (Pid == -1)
    giveUp("fork");
  if (Pid == 0)
    _exit(Body() ? 0 : 1);
  int Status = 0;
  while (waitpid(Pid, &Status, 0) == -1)
    if (errno != EINTR)
      giveUp("waitpid");
  if (WIFSIGNALED(Status))
    return WTERMSIG(Status);
  return WEXITSTATUS(Status) == 0 ? 0 : -1;
}

} // namespace refpage_test
