// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/support/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace refpage_test {

void installFilter(const std::vector<long> &Calls, unsigned Action) {
  std::vector<sock_filter> Code;
  Code.push_back(
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
  for (long Call : Calls) {
    Code.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(Call), 0, 1));
    Code.push_back(BPF_STMT(BPF_RET | BPF_K, Action));
  }
  Code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog Program = {static_cast<unsigned short>(Code.size()),
                              Code.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &Program) != 0)
    _exit(99);
}

unsigned failWith(int Errno) {
  return SECCOMP_RET_ERRNO | static_cast<unsigned>(Errno);
}

} // namespace refpage_test
