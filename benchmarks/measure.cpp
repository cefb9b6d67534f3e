// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs one program and prints what it cost as one CSV line.
//
// It is a program of its own, and a small one, because the kernel counts the
// memory of the parent at exec in the max RSS of the child: started from an
// interpreter, no program could ever be seen to use less than the interpreter.
// The environment is given by options so that a preload library meets the
// measured program alone.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {

const char *const Header = "real_s,user_s,sys_s,minor_faults,major_faults,"
                           "max_rss_kib,exit_status";

const char *const UsageText =
    "usage: measure [OPTION...] -- COMMAND [ARG...]\n"
    "Runs COMMAND and prints one CSV line on its own stdout:\n"
    "  %s\n"
    "exit_status is 128 + the signal's number if a signal ended COMMAND.\n"
    "  --env NAME=VALUE  set NAME for COMMAND; may be given again\n"
    "  --feed FILE       give FILE to COMMAND on stdin, through a pipe\n"
    "  --stdout FILE     where COMMAND's stdout goes (default /dev/null)\n"
    "  --stderr FILE     where COMMAND's stderr goes (default /dev/null)\n";

struct Options {
  const char *Feed = nullptr;
  const char *Stdout = "/dev/null";
  const char *Stderr = "/dev/null";
  char **Command = nullptr;
};

[[noreturn]] void fail(const char *What) {
  fprintf(stderr, "measure: %s: %s\n", What, strerror(errno));
  exit(125);
}

[[noreturn]] void usage() {
  fprintf(stderr, UsageText, Header);
  exit(125);
}

int openOrFail(const char *Path, int Flags) {
  const int Fd = open(Path, Flags | O_CLOEXEC, 0666);
  if (Fd < 0)
    fail(Path);
  return Fd;
}

Options parse(int Argc, char **Argv, char **&ChildEnv) {
  Options O;
  int EnvCount = 0;
  while (environ[EnvCount])
    ++EnvCount;
  // The worst case: every argument is a new variable.
  ChildEnv = static_cast<char **>(
      calloc(static_cast<size_t>(EnvCount) + static_cast<size_t>(Argc) + 1,
             sizeof(char *)));
  if (!ChildEnv)
    fail("calloc");
  memcpy(ChildEnv, environ, static_cast<size_t>(EnvCount) * sizeof(char *));

  int I = 1;
  for (; I < Argc && strcmp(Argv[I], "--") != 0; I += 2) {
    if (I + 1 >= Argc)
      usage();
    char *Value = Argv[I + 1];
    if (strcmp(Argv[I], "--env") == 0) {
      const char *Equals = strchr(Value, '=');
      if (!Equals)
        usage();
      const size_t NameLength = static_cast<size_t>(Equals - Value) + 1;
      int At = 0;
      while (At < EnvCount && strncmp(ChildEnv[At], Value, NameLength) != 0)
        ++At;
      ChildEnv[At] = Value;
      if (At == EnvCount)
        ++EnvCount;
    } else if (strcmp(Argv[I], "--feed") == 0) {
      O.Feed = Value;
    } else if (strcmp(Argv[I], "--stdout") == 0) {
      O.Stdout = Value;
    } else if (strcmp(Argv[I], "--stderr") == 0) {
      O.Stderr = Value;
    } else {
      usage();
    }
  }
  if (I + 1 >= Argc)
    usage();
  O.Command = Argv + I + 1;
  return O;
}

// Copies Path into a pipe from a process of its own, whose cost is not counted:
// rusage is taken of the measured program only.
int startFeeder(const char *Path, pid_t &Feeder) {
  const int Input = openOrFail(Path, O_RDONLY);
  int Pipe[2];
  if (pipe2(Pipe, O_CLOEXEC) != 0)
    fail("pipe2");
  Feeder = fork();
  if (Feeder < 0)
    fail("fork");
  if (Feeder == 0) {
    close(Pipe[0]);
    ssize_t Moved;
    do
      Moved = splice(Input, nullptr, Pipe[1], nullptr, 1 << 20, 0);
    while (Moved > 0 || (Moved < 0 && errno == EINTR));
    _exit(Moved < 0 ? 1 : 0);
  }
  close(Pipe[1]);
  close(Input);
  return Pipe[0];
}

double seconds(const timeval &T) {
  return static_cast<double>(T.tv_sec) + static_cast<double>(T.tv_usec) * 1e-6;
}

double now() {
  timespec T;
  clock_gettime(CLOCK_MONOTONIC, &T);
  return static_cast<double>(T.tv_sec) + static_cast<double>(T.tv_nsec) * 1e-9;
}

} // namespace

int main(int Argc, char **Argv) {
  char **ChildEnv;
  const Options O = parse(Argc, Argv, ChildEnv);
  pid_t Feeder = 0;
  const int In =
      O.Feed ? startFeeder(O.Feed, Feeder) : openOrFail("/dev/null", O_RDONLY);
  const int Out = openOrFail(O.Stdout, O_WRONLY | O_CREAT | O_TRUNC);
  const int Err = openOrFail(O.Stderr, O_WRONLY | O_CREAT | O_TRUNC);

  const double Start = now();
  const pid_t Child = vfork();
  if (Child < 0)
    fail("vfork");
  if (Child == 0) {
    // A benchmark that is interrupted leaves nothing running behind.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(In, 0);
    dup2(Out, 1);
    dup2(Err, 2);
    execvpe(O.Command[0], O.Command, ChildEnv);
    const char *Message = strerror(errno);
    dprintf(2, "measure: %s: %s\n", O.Command[0], Message);
    _exit(127);
  }
  close(In);
  int Status;
  rusage Usage;
  while (wait4(Child, &Status, 0, &Usage) < 0)
    if (errno != EINTR)
      fail("wait4");
  const double Real = now() - Start;
  if (Feeder) {
    // A program that did not read its input to the end has broken the pipe, and
    // the feeder ends by SIGPIPE: no error of this runner's.
    int Ignored;
    while (waitpid(Feeder, &Ignored, 0) < 0 && errno == EINTR) {
    }
  }
  printf("%.6f,%.6f,%.6f,%ld,%ld,%ld,%d\n", Real, seconds(Usage.ru_utime),
         seconds(Usage.ru_stime), Usage.ru_minflt, Usage.ru_majflt,
         Usage.ru_maxrss,
         WIFSIGNALED(Status) ? 128 + WTERMSIG(Status) : WEXITSTATUS(Status));
  return 0;
}
