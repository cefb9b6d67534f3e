// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Planted bugs, and programs without any: for `refpage uninit`, and for
// Valgrind to judge. A read counts where the program's behaviour depends on it.
//
// uninit_program CASE...

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;

// What would be wrong depends on what was read.
void decide(char Byte) {
  static volatile int Decisions;
  if (Byte == 'x')
    Decisions = Decisions + 1;
}

// Behind a wrapper, as in most programs.
__attribute__((noinline)) char *allocateBuffer(size_t Size) {
  char *Buffer = static_cast<char *>(malloc(Size));
  if (!Buffer)
    abort();
  return Buffer;
}

__attribute__((noinline)) void readOneByte(size_t Size, size_t Offset) {
  char *Buffer = allocateBuffer(Size);
  decide(Buffer[Offset]);
  free(Buffer);
}

void untouched() { readOneByte(300 * KiB, 200 * KiB); }
void large() { readOneByte(64 * MiB, 33 * MiB); }

// The second half was forgotten.
void halfFilled() {
  constexpr size_t Size = 2 * MiB;
  char *Buffer = allocateBuffer(Size);
  memset(Buffer, 'a', Size / 2);
  for (size_t I = 0; I != Size; I++)
    decide(Buffer[I]);
  free(Buffer);
}

// What realloc() has added is taken to be filled.
__attribute__((noinline)) void grown() {
  char *Buffer = allocateBuffer(MiB);
  memset(Buffer, 'a', MiB);
  Buffer = static_cast<char *>(realloc(Buffer, 3 * MiB));
  decide(Buffer[2 * MiB + 100]);
  free(Buffer);
}

void atExit() {
  static char *Kept = allocateBuffer(MiB + 4 * KiB);
  decide(Kept[512 * KiB]);
}

void systemCall() {
  char *Buffer = allocateBuffer(MiB + 8 * KiB);
  memset(Buffer, 'a', 100 * KiB);
  int Ends[2];
  if (pipe(Ends) != 0 || write(Ends[1], Buffer + 600 * KiB, 100) != 100)
    abort();
  close(Ends[0]);
  close(Ends[1]);
  free(Buffer);
}

// Seen by Valgrind alone: the page has been written to.
void besideAWrite() {
  char *Buffer = allocateBuffer(MiB + 12 * KiB);
  Buffer[100 * KiB] = 'a';
  decide(Buffer[100 * KiB + 8]);
  free(Buffer);
}

// Reads what it does not use: no bug, and memcheck says nothing, but pages were
// read.
void copied() {
  constexpr size_t Size = MiB + 16 * KiB;
  char *From = allocateBuffer(Size);
  char *To = allocateBuffer(Size + KiB);
  memset(From, 'a', 100 * KiB);
  memcpy(To, From, Size);
  decide(To[1000]);
  free(From);
  free(To);
}

void correct() {
  char *Buffer = allocateBuffer(5 * MiB);
  memset(Buffer, 'a', 5 * MiB);
  for (size_t I = 0; I < 5 * MiB; I += KiB)
    decide(Buffer[I]);
  Buffer = static_cast<char *>(realloc(Buffer, 6 * MiB));
  decide(Buffer[4 * MiB]);
  free(Buffer);
  char *Zeros = static_cast<char *>(calloc(5, MiB));
  for (size_t I = 0; I < 5 * MiB; I += KiB)
    decide(Zeros[I]);
  free(Zeros);
  // Sparse, but read where it was written.
  char *Sparse = allocateBuffer(32 * MiB);
  for (size_t I = 0; I < 32 * MiB; I += 100 * KiB)
    Sparse[I] = 'a';
  for (size_t I = 0; I < 32 * MiB; I += 100 * KiB)
    decide(Sparse[I]);
  free(Sparse);
}

void inAChild() {
  const pid_t Pid = fork();
  if (Pid == 0) {
    readOneByte(700 * KiB, 300 * KiB);
    exit(0);
  }
  waitpid(Pid, nullptr, 0);
}

void failing() { exit(7); }
void killed() { abort(); }

struct Case {
  const char *Name;
  void (*Run)();
};
constexpr Case Cases[] = {
    {"untouched", untouched},
    {"large", large},
    {"half_filled", halfFilled},
    {"grown", grown},
    {"at_exit", atExit},
    {"system_call", systemCall},
    {"beside_a_write", besideAWrite},
    {"copied", copied},
    {"correct", correct},
    {"in_a_child", inAChild},
    {"failing", failing},
    {"killed", killed},
};

} // namespace

int main(int Argc, char **Argv) {
  for (int I = 1; I != Argc; I++) {
    bool IsKnown = false;
    for (const Case &C : Cases) {
      if (strcmp(Argv[I], C.Name) != 0)
        continue;
      IsKnown = true;
      C.Run();
    }
    if (!IsKnown) {
      fprintf(stderr, "no case '%s'\n", Argv[I]);
      return 2;
    }
  }
  puts("done");
  return 0;
}
