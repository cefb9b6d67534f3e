// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What linked_test runs: threads allocate while children are made, which
// allocate too. Prints how many children ended well.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int Threads = 4;
constexpr int Children = 20;
constexpr size_t Sizes[] = {100, 10000, 1 << 20};

bool Done;

bool useHeap() {
  for (size_t Size : Sizes) {
    auto *Block = static_cast<volatile unsigned char *>(malloc(Size));
    if (!Block || Block[Size / 2] != 0xab)
      return false;
    Block[Size / 2] = 1;
    free(const_cast<unsigned char *>(Block));
  }
  return true;
}

void *allocateUntilDone(void *) {
  while (!__atomic_load_n(&Done, __ATOMIC_RELAXED)) {
    if (!useHeap())
      abort();
  }
  return nullptr;
}

} // namespace

int main() {
  pthread_t Thread[Threads];
  for (pthread_t &T : Thread) {
    if (pthread_create(&T, nullptr, allocateUntilDone, nullptr) != 0)
      return 1;
  }
  int Good = 0;
  for (int I = 0; I != Children; I++) {
    const pid_t Pid = fork();
    if (Pid == 0) {
      alarm(60);
      _exit(useHeap() ? 0 : 1);
    }
    int Status = -1;
    if (waitpid(Pid, &Status, 0) == Pid && Status == 0)
      Good++;
  }
  __atomic_store_n(&Done, true, __ATOMIC_RELAXED);
  for (const pthread_t &T : Thread)
    pthread_join(T, nullptr);
  printf("%d of %d children\n", Good, Children);
}
