// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef REFPAGE_BENCHMARKS_USERFAULTFD_METHOD_H
#define REFPAGE_BENCHMARKS_USERFAULTFD_METHOD_H

#include "method.h"

#include <pthread.h>
#include <sys/types.h>

namespace bench {

// Anonymous memory; a thread that waits for its page faults answers each with a
// copy of a page of the pattern. Needs the right to userfaultfd(2). The thread
// is of the process that first takes a block, and not of its children.
class UserFaultFd final : public Method {
public:
  const char *name() const override { return "userfaultfd"; }
  char *get(size_t Size) override;
  void put(char *Block, size_t Size) override;

private:
  void start();
  static void *answer(void *);

  int Fd = -1;
  char *PatternPage = nullptr;
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_USERFAULTFD_METHOD_H
