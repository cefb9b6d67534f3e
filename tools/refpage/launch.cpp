// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/launch.h"

#include "tools/refpage/clock.h"
#include "tools/refpage/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

namespace refpage {
namespace {

// What others send to end, stop or tell a program something.
constexpr int ForwardedSignals[] = {SIGHUP,  SIGINT,   SIGQUIT,
                                    SIGTERM, SIGUSR1,  SIGUSR2,
                                    SIGALRM, SIGWINCH, SIGCONT};

// Holds back the signals while it exists; waitForOne() takes them.
class HeldSignals {
public:
  HeldSignals() {
    sigemptyset(&Set);
    sigaddset(&Set, SIGCHLD);
    for (int Signal : ForwardedSignals)
      sigaddset(&Set, Signal);
    sigprocmask(SIG_BLOCK, &Set, &OldMask);
    // While it is ignored, which is inherited, no child can be waited for.
    const struct sigaction Default = {};
    sigaction(SIGCHLD, &Default, &OldChildAction);
  }
  ~HeldSignals() { restore(); }
  HeldSignals(const HeldSignals &) = delete;
  void operator=(const HeldSignals &) = delete;

  // As it was; for the child, too.
  void restore() const {
    sigaction(SIGCHLD, &OldChildAction, nullptr);
    sigprocmask(SIG_SETMASK, &OldMask, nullptr);
  }
  int waitForOne(siginfo_t *Info) const { return sigwaitinfo(&Set, Info); }

private:
  sigset_t Set;
  sigset_t OldMask;
  struct sigaction OldChildAction;
};

void appendToVariable(const char *Name, const std::string &Value) {
  if (Value.empty())
    return;
  const char *Old = getenv(Name);
  const std::string All = Old && *Old ? std::string(Old) + ":" + Value : Value;
  setenv(Name, All.c_str(), 1);
}

bool redirect(Streams InAndOut) {
  if (InAndOut == Streams::Inherit)
    return true;
  const int Null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (Null == -1 || dup2(Null, STDIN_FILENO) == -1)
    return false;
  if (InAndOut == Streams::ToStderr)
    return dup2(STDERR_FILENO, STDOUT_FILENO) != -1;
  return dup2(Null, STDOUT_FILENO) != -1 && dup2(Null, STDERR_FILENO) != -1;
}

// Does not return. Writes errno to Pipe if the command cannot be run.
[[noreturn]] void becomeCommand(const Launch &What, int Pipe) {
  appendToVariable("LD_PRELOAD", What.Library);
  appendToVariable("REFPAGE_OPTIONS", What.Options);
  if (redirect(What.InAndOut))
    execvp(What.Command[0], What.Command);
  const int Error = errno;
  (void)!write(Pipe, &Error, sizeof(Error));
  _exit(NotFound);
}

// What the child writes before it ends, or nothing when exec() closes the pipe.
int readError(int Pipe) {
  int Error = 0;
  while (read(Pipe, &Error, sizeof(Error)) == -1 && errno == EINTR)
    ;
  return Error;
}

} // namespace

int Outcome::getExitStatus() const {
  return WIFSIGNALED(WaitStatus) ? 128 + WTERMSIG(WaitStatus)
                                 : WEXITSTATUS(WaitStatus);
}

bool Outcome::wasInterrupted() const {
  if (!WIFSIGNALED(WaitStatus))
    return false;
  const int Signal = WTERMSIG(WaitStatus);
  return Signal == SIGINT || Signal == SIGQUIT || Signal == SIGTERM ||
         Signal == SIGHUP;
}

std::string Outcome::describe() const {
  if (!WIFSIGNALED(WaitStatus))
    return "ended with status " + std::to_string(WEXITSTATUS(WaitStatus));
  const int Signal = WTERMSIG(WaitStatus);
  return "ended by signal " + std::to_string(Signal) + " (" +
         strsignal(Signal) + ")";
}

Outcome runCommand(const Launch &What) {
  int Pipe[2];
  if (pipe2(Pipe, O_CLOEXEC) != 0)
    throw Failure(std::string("cannot make a pipe: ") + strerror(errno));
  fflush(nullptr);

  HeldSignals Signals;
  Outcome Result;
  const double Start = getMonotonicTime();
  Result.Pid = fork();
  if (Result.Pid == 0) {
    Signals.restore();
    becomeCommand(What, Pipe[1]);
  }
  const int ForkError = errno;
  close(Pipe[1]);
  if (Result.Pid == -1) {
    close(Pipe[0]);
    throw Failure(std::string("cannot fork: ") + strerror(ForkError));
  }
  const int ExecError = readError(Pipe[0]);
  close(Pipe[0]);

  for (;;) {
    const pid_t Ended =
        wait4(Result.Pid, &Result.WaitStatus, WNOHANG, &Result.Usage);
    if (Ended == Result.Pid)
      break;
    siginfo_t Info;
    if (Signals.waitForOne(&Info) == -1 || Info.si_signo == SIGCHLD)
      continue;
    // The terminal's go to the command as well, which is in the same group.
    if (Info.si_code != SI_KERNEL)
      kill(Result.Pid, Info.si_signo);
  }
  Result.Seconds = getMonotonicTime() - Start;

  if (ExecError)
    throw Failure(std::string("cannot run '") + What.Command[0] +
                      "': " + strerror(ExecError),
                  ExecError == ENOENT ? NotFound : CannotRun);
  return Result;
}

} // namespace refpage
