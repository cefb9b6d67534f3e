// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program that `refpage report` looks at: it has large blocks of every sort,
// says what its malloc says of them, and waits for its standard input to end.
//
//   blocks_program [fork | none | churn]

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>

namespace {

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;

void *keep(void *Block) {
  if (!Block) {
    fputs("no memory\n", stderr);
    _exit(1);
  }
  return Block;
}

void put(void *Block, size_t From, size_t Size) {
  memset(static_cast<char *>(Block) + From, 1, Size);
}

// Adds up what was read, so that it is.
unsigned look(const void *Block, size_t Size) {
  unsigned Sum = 0;
  for (size_t At = 0; At < Size; At += 4 * KiB)
    Sum += *(static_cast<const volatile unsigned char *>(Block) + At);
  return Sum;
}

void makeBlocks() {
  void *Written = keep(malloc(4 * MiB));
  put(Written, 0, MiB);
  void *WasRead = keep(malloc(5 * MiB));
  look(WasRead, 2 * MiB);
  keep(malloc(6 * MiB)); // Nobody touches it.
  void *Sparse = keep(malloc(64 * MiB));
  for (size_t At = 0; At < 64 * MiB; At += MiB)
    put(Sparse, At, 1);
  void *Zeros = keep(calloc(1, 8 * MiB));
  put(Zeros, MiB, MiB);
  look(Zeros, MiB);
  void *Aligned = keep(aligned_alloc(MiB, 3 * MiB));
  put(Aligned, 0, 100);
  put(keep(malloc(300 * KiB)), 0, 300 * KiB);
  void *Grown = keep(malloc(MiB));
  put(Grown, 0, MiB);
  keep(realloc(Grown, 7 * MiB));

  // Used again, with pages in front that it leaves unused, and cut.
  void *Reused = keep(malloc(220 * KiB));
  put(Reused, 0, 220 * KiB);
  free(Reused);
  keep(malloc(210 * KiB));
  void *Cut = keep(malloc(32 * MiB));
  put(Cut, 0, 2 * MiB);
  free(Cut);
  keep(malloc(9 * MiB));

  // Kept: written, and accessible or not.
  for (const size_t Size : {400 * KiB, 12 * MiB}) {
    void *Freed = keep(malloc(Size));
    put(Freed, 0, 200 * KiB);
    free(Freed);
  }
}

// In lines of "name value", and malloc_info() between lines of its own.
void describe() {
  static char Buffer[64 * KiB];
  setvbuf(stdout, Buffer, _IOFBF, sizeof(Buffer));
  malloc_info(0, stdout);
  const struct mallinfo2 Info = mallinfo2();
  printf("live_blocks %zu\n", Info.hblks);
  printf("live_bytes %zu\n",
         Info.hblkhd - Info.arena - (Info.fordblks - Info.fsmblks));
  printf("kept_blocks %zu\n", Info.ordblks);
  printf("kept_bytes %zu\n", Info.fordblks - Info.fsmblks);
  printf("ready\n");
  fflush(stdout);
}

void waitForEnd() {
  char Line[64];
  while (read(STDIN_FILENO, Line, sizeof(Line)) > 0) {
  }
}

} // namespace

int main(int Argc, char **Argv) {
  const char *How = Argc > 1 ? Argv[1] : "";
  // Yama lets nobody but ancestors read memory, where it is on.
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  if (strcmp(How, "churn") == 0) {
    printf("ready\n");
    fflush(stdout);
    for (;;)
      for (size_t Size = 200 * KiB; Size < 8 * MiB; Size += 100 * KiB)
        free(keep(malloc(Size)));
  }
  if (strcmp(How, "none") != 0)
    makeBlocks();
  if (strcmp(How, "fork") == 0) {
    int Pipe[2];
    if (pipe(Pipe) != 0)
      return 1;
    const pid_t Child = fork();
    if (Child == 0) {
      close(Pipe[1]);
      char Byte;
      _exit(read(Pipe[0], &Byte, 1) == 0 ? 0 : 1);
    }
    close(Pipe[0]);
    describe();
    waitForEnd();
    close(Pipe[1]);
    waitpid(Child, nullptr, 0);
    return 0;
  }
  describe();
  waitForEnd();
  return 0;
}
