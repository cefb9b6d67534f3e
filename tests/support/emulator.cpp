// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/support/emulator.h"

#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace refpage_test {

const char *getEmulator() { return getenv("REFPAGE_EMULATOR"); }

std::string getKernelName(const char *Program) {
  const char *Emulator = getEmulator();
  const std::string Name =
      Emulator ? strrchr(Emulator, '/') + 1 : std::string(Program);
  constexpr size_t MaxLength = 15; // TASK_COMM_LEN
  return Name.substr(0, MaxLength);
}

bool canFilterCalls() { return !getEmulator() || prctl(PR_GET_SECCOMP) != -1; }

bool canLimit(__rlimit_resource Which) {
  if (!getEmulator())
    return true;
  rlimit Before, After;
  if (getrlimit(Which, &Before) != 0)
    return false;
  rlimit Lower = Before;
  // So high that nobody can notice.
  Lower.rlim_cur = Before.rlim_cur - Before.rlim_cur / 4;
  const bool Can = setrlimit(Which, &Lower) == 0 &&
                   getrlimit(Which, &After) == 0 &&
                   After.rlim_cur == Lower.rlim_cur;
  setrlimit(Which, &Before);
  return Can;
}

bool canAdvise() {
  // Else what nobody knows is not an error.
  constexpr int NoAdvice = 999;
  return !getEmulator() || madvise(nullptr, 0, NoAdvice) == -1;
}

int fewerIfEmulated(int Count) {
  return getEmulator() ? (Count + 4) / 5 : Count;
}

} // namespace refpage_test

#if defined(__aarch64__)
// GoogleTest starts death tests over by this, and the kernel that an emulator
// uses does not know how to start the program.
extern "C" int execv(const char *Path, char *const Arguments[]) {
  constexpr size_t MaxArguments = 64;
  const char *Full[MaxArguments + 2];
  size_t Count = 0;
  if (const char *Emulator = refpage_test::getEmulator()) {
    Full[Count++] = Emulator;
    Full[Count++] = Path;
    Path = Emulator;
    Arguments++;
  }
  for (; *Arguments; Arguments++) {
    if (Count > MaxArguments)
      abort();
    Full[Count++] = *Arguments;
  }
  Full[Count] = nullptr;
  return static_cast<int>(syscall(SYS_execve, Path, Full, environ));
}
#endif
