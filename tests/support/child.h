// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Test bodies in a child process, for what a process cannot undo or must be new
// to.

#ifndef REFPAGE_TESTS_SUPPORT_CHILD_H_
#define REFPAGE_TESTS_SUPPORT_CHILD_H_

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

namespace refpage_test {

// Runs Body in a fork. Its failures are printed there and count here; a
// deadlock becomes a signal after so many seconds.
template <typename F> void runInChild(unsigned Seconds, F Body) {
  const pid_t Pid = fork();
  ASSERT_NE(Pid, -1);
  if (Pid == 0) {
    alarm(Seconds);
    Body();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int Status = 0;
  ASSERT_EQ(waitpid(Pid, &Status, 0), Pid);
  ASSERT_TRUE(WIFEXITED(Status)) << "signal " << WTERMSIG(Status);
  EXPECT_EQ(WEXITSTATUS(Status), 0);
}

} // namespace refpage_test

#endif // REFPAGE_TESTS_SUPPORT_CHILD_H_
