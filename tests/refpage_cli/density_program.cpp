// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program that `refpage trace` runs: eight blocks of 1 MiB, a quarter of each
// written, and an end.
//
//   density_program free | exit | leave | crash | child | exec

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr size_t Size = 1 << 20;
void *Blocks[8];

void make() {
  for (void *&Block : Blocks) {
    Block = malloc(Size);
    if (!Block)
      _exit(1);
    memset(Block, 1, Size / 4);
  }
}

void freeAll() {
  for (void *Block : Blocks)
    free(Block);
}

} // namespace

int main(int Argc, char **Argv) {
  const char *How = Argc > 1 ? Argv[1] : "";
  puts("its own output");
  fflush(stdout);
  if (strcmp(How, "exec") == 0) {
    make();
    freeAll();
    char Next[] = "free";
    char *const Arguments[] = {Argv[0], Next, nullptr};
    execv("/proc/self/exe", Arguments);
    return 1;
  }
  if (strcmp(How, "child") == 0) {
    const pid_t Child = fork();
    if (Child == 0) {
      make();
      freeAll();
      _exit(0);
    }
    int Status;
    return waitpid(Child, &Status, 0) == Child ? Status : 1;
  }
  make();
  if (strcmp(How, "exit") == 0)
    return 3;
  freeAll();
  if (strcmp(How, "leave") == 0)
    _exit(4);
  if (strcmp(How, "crash") == 0)
    abort();
  return 0;
}
