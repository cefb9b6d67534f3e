// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What namespace_test runs: loads libraries into namespaces of their own
// (dlmopen()), each of which has a C library of its own, and uses their heaps
// and its own, in turn, in a child, and from several
// threads if told to.
//
//   namespaces [threads] LIBRARY[+LIBRARY]...
//
// Each argument is for one namespace: the first library's symbols come first,
// the last one is used. Prints what a fresh large block reads as in each heap,
// and "wrong" where a byte is; the last line is "done".

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Heap {
  void *(*PassOn)(void *);
  int (*ReadFresh)();
  void (*Free)(void *);
};
constexpr int MaxHeaps = 4;
Heap Heaps[MaxHeaps];
int NumHeaps;

bool load(std::string Names) {
  Lmid_t Namespace = LM_ID_NEWLM;
  void *First = nullptr;
  void *Last = nullptr;
  for (size_t End = 0; End != std::string::npos; Names.erase(0, End + 1)) {
    End = Names.find('+');
    Last = dlmopen(Namespace, Names.substr(0, End).c_str(), RTLD_NOW);
    if (!Last || dlinfo(Last, RTLD_DI_LMID, &Namespace) != 0) {
      printf("%s\n", dlerror());
      return false;
    }
    First = First ? First : Last;
    if (End == std::string::npos)
      break;
  }
  Heap &New = Heaps[NumHeaps++];
  New.PassOn = reinterpret_cast<void *(*)(void *)>(dlsym(Last, "passOn"));
  New.ReadFresh = reinterpret_cast<int (*)()>(dlsym(Last, "readFresh"));
  New.Free = reinterpret_cast<void (*)(void *)>(dlsym(First, "free"));
  return New.PassOn && New.ReadFresh && New.Free;
}

constexpr size_t OwnSizes[] = {100, 300 << 10, 3 << 20};

// What belongs to one heap lives on while the others are used.
bool useAll() {
  char *Own[3];
  void *Others[MaxHeaps];
  for (int I = 0; I != 3; I++) {
    Own[I] = static_cast<char *>(malloc(OwnSizes[I]));
    memset(Own[I], 1, OwnSizes[I]);
  }
  for (int I = 0; I != NumHeaps; I++) {
    Others[I] = Heaps[I].PassOn(nullptr);
    if (!Others[I])
      return false;
    memset(Others[I], 2 + I, 3 << 20);
  }
  bool Good = true;
  for (int I = 0; I != 3; I++) {
    Good &= Own[I][0] == 1 && Own[I][OwnSizes[I] - 1] == 1;
    free(Own[I]);
  }
  for (int I = 0; I != NumHeaps; I++) {
    const char *Ptr = static_cast<char *>(Others[I]);
    Good &= Ptr[0] == 2 + I && Ptr[(3 << 20) - 1] == 2 + I;
    // Back to its own heap, and by another way the next one too.
    Heaps[I].Free(Heaps[I].PassOn(Others[I]));
  }
  return Good;
}

void *useAllOften(void *) {
  bool Good = true;
  for (int I = 0; I != 5; I++)
    Good &= useAll();
  return reinterpret_cast<void *>(uintptr_t(Good));
}

} // namespace

int main(int Argc, char **Argv) {
  const bool HasThreads = Argc > 1 && strcmp(Argv[1], "threads") == 0;
  for (int I = HasThreads ? 2 : 1; I < Argc; I++)
    if (!load(Argv[I]))
      return 1;
  for (int I = 0; I != NumHeaps; I++)
    printf("%02x\n", static_cast<unsigned>(Heaps[I].ReadFresh()));
  if (!useAll())
    puts("wrong");
  fflush(stdout);
  const pid_t Pid = fork();
  if (Pid == 0) {
    alarm(60);
    _exit(useAll() ? 0 : 1);
  }
  int Status = 0;
  if (waitpid(Pid, &Status, 0) != Pid || Status != 0)
    puts("wrong in the child");
  for (int Round = 0; HasThreads && Round != 3; Round++) {
    pthread_t Threads[4];
    for (pthread_t &Thread : Threads)
      if (pthread_create(&Thread, nullptr, useAllOften, nullptr) != 0)
        puts("no thread");
    for (const pthread_t &Thread : Threads) {
      void *Good = nullptr;
      pthread_join(Thread, &Good);
      if (!Good)
        puts("wrong in a thread");
    }
  }
  puts("done");
}
