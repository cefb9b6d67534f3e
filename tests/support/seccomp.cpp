// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/support/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace refpage_test {
namespace {

using Program = std::vector<sock_filter>;

sock_filter loadNumber() {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
}

sock_filter loadArgument(unsigned Index) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                  static_cast<unsigned>(offsetof(struct seccomp_data, args) +
                                        Index * sizeof(__u64)));
}

sock_filter end(unsigned Action) { return BPF_STMT(BPF_RET | BPF_K, Action); }

void install(const Program &Code) {
  const sock_fprog Filter = {static_cast<unsigned short>(Code.size()),
                             const_cast<sock_filter *>(Code.data())};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &Filter) != 0)
    _exit(99);
}

// What follows the comparison of the number: to the end of it, the next call.
Program getCondition(const AllowedCall &Call) {
  if (Call.If == AllowedCall::Always)
    return {end(SECCOMP_RET_ALLOW)};
  Program Code = {loadArgument(Call.Argument)};
  if (Call.If == AllowedCall::OneOf) {
    for (unsigned Value : Call.Values) {
      Code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Value, 0, 1));
      Code.push_back(end(SECCOMP_RET_ALLOW));
    }
  } else {
    unsigned Mask = 0;
    for (unsigned Value : Call.Values)
      Mask |= Value;
    Code.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, Mask, 1, 0));
    Code.push_back(end(SECCOMP_RET_ALLOW));
  }
  Code.push_back(loadNumber());
  return Code;
}

} // namespace

void installFilter(const std::vector<long> &Calls, unsigned Action) {
  Program Code = {loadNumber()};
  for (long Call : Calls) {
    Code.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(Call), 0, 1));
    Code.push_back(end(Action));
  }
  Code.push_back(end(SECCOMP_RET_ALLOW));
  install(Code);
}

void installAllowList(const std::vector<AllowedCall> &Calls,
                      unsigned Otherwise) {
  Program Code = {loadNumber()};
  for (const AllowedCall &Call : Calls) {
    const Program Condition = getCondition(Call);
    Code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                            static_cast<unsigned>(Call.Number), 0,
                            static_cast<unsigned char>(Condition.size())));
    Code.insert(Code.end(), Condition.begin(), Condition.end());
  }
  Code.push_back(end(Otherwise));
  install(Code);
}

unsigned failWith(int Errno) {
  return SECCOMP_RET_ERRNO | static_cast<unsigned>(Errno);
}

} // namespace refpage_test
