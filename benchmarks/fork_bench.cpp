// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a fork costs a process that holds one large block of which few pages are
// written. Prints the median wall time of one fork, child's exit and wait, and
// the mean CPU time of parent and child together, as NAME=VALUE lines.

#include <algorithm>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace {

double microseconds(const timeval &T) {
  return static_cast<double>(T.tv_sec) * 1e6 + static_cast<double>(T.tv_usec);
}

double cpuMicroseconds() {
  double Sum = 0;
  for (const int Who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage Usage;
    getrusage(Who, &Usage);
    Sum += microseconds(Usage.ru_utime) + microseconds(Usage.ru_stime);
  }
  return Sum;
}

double nowMicroseconds() {
  timespec T;
  clock_gettime(CLOCK_MONOTONIC, &T);
  return static_cast<double>(T.tv_sec) * 1e6 +
         static_cast<double>(T.tv_nsec) * 1e-3;
}

bool forkOnce() {
  const pid_t Child = fork();
  if (Child == 0)
    _exit(0);
  int Status;
  return Child > 0 && waitpid(Child, &Status, 0) == Child && Status == 0;
}

} // namespace

int main(int Argc, char **Argv) {
  if (Argc > 4) {
    fprintf(stderr, "usage: fork_bench [MIB=1024] [FORKS=50] "
                    "[ONE_PAGE_IN=100]\n");
    return 2;
  }
  const size_t Size = static_cast<size_t>(Argc > 1 ? atoi(Argv[1]) : 1024)
                      << 20;
  const int Forks = Argc > 2 ? atoi(Argv[2]) : 50;
  const int OnePageIn = Argc > 3 ? atoi(Argv[3]) : 100;
  if (Size == 0 || Forks <= 0 || OnePageIn <= 0) {
    fprintf(stderr, "fork_bench: arguments must be positive numbers\n");
    return 2;
  }
  const size_t PageSize = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  char *Block = static_cast<char *>(malloc(Size));
  if (!Block) {
    perror("fork_bench: malloc");
    return 1;
  }
  volatile char *Bytes = Block;
  for (size_t At = 0; At < Size;
       At += PageSize * static_cast<size_t>(OnePageIn))
    Bytes[At] = 1;

  std::vector<double> Times;
  Times.reserve(static_cast<size_t>(Forks));
  // The first fork of a process sets things up that later ones find ready.
  if (!forkOnce()) {
    perror("fork_bench: fork");
    return 1;
  }
  const double CpuBefore = cpuMicroseconds();
  for (int I = 0; I < Forks; ++I) {
    const double Start = nowMicroseconds();
    if (!forkOnce()) {
      perror("fork_bench: fork");
      return 1;
    }
    Times.push_back(nowMicroseconds() - Start);
  }
  const double Cpu = cpuMicroseconds() - CpuBefore;
  std::sort(Times.begin(), Times.end());
  printf("fork_real_us=%.3f\nfork_cpu_us=%.3f\n", Times[Times.size() / 2],
         Cpu / Forks);
  free(Block);
  return 0;
}
