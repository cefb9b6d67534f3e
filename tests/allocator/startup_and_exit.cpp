// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What startup_and_exit_test runs: uses the heap whenever a process can, from
// before the first constructor to after the last exit handler, and prints the
// name of each of these times; "wrong", too, if a byte is.

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace {

// What was allocated at one time and is freed at the next.
unsigned char *Held[2];
constexpr size_t Sizes[] = {100, 3UL << 20};

bool isUsable() {
  bool Good = true;
  for (int I = 0; I != 2; I++) {
    const size_t Size = Sizes[I];
    if (Held[I])
      Good &= Held[I][0] == 1 && Held[I][Size - 1] == 2;
    free(Held[I]);
    Held[I] = static_cast<unsigned char *>(malloc(Size));
    Good &= Held[I] && Held[I][0] == 0xab && Held[I][Size - 1] == 0xab;
    if (!Good)
      return false;
    Held[I][0] = 1;
    Held[I][Size - 1] = 2;
    auto *Zeros = static_cast<unsigned char *>(calloc(1, Size));
    Good &= Zeros && Zeros[Size / 2] == 0;
    free(Zeros);
  }
  return Good;
}

// By write(): stdio may be over, or not yet be there.
void visit(const char *When) {
  const char *Text[] = {When, isUsable() ? "\n" : " wrong\n"};
  for (const char *Part : Text)
    if (write(1, Part, strlen(Part)) < 0)
      _exit(3);
}

void beforeConstructors() { visit("preinit"); }

__attribute__((constructor(101))) void firstConstructor() {
  visit("constructor 101");
}
__attribute__((constructor)) void constructor() { visit("constructor"); }
__attribute__((destructor)) void destructor() { visit("destructor"); }
// Behind those of statics, which are exit handlers.
__attribute__((destructor(101))) void lastDestructor() {
  visit("destructor 101");
  _exit(0); // Whatever the status was: the last of all.
}

struct Static {
  Static() { visit("static"); }
  ~Static() { visit("end of static"); }
} AStatic;

struct OfThread {
  void touch() { visit("thread"); }
  ~OfThread() { visit("end of thread_local"); }
};
thread_local OfThread AThreads;

// As late as a thread's destructors come: in the last round of them.
pthread_key_t Key;
void destroyKey(void *Round) {
  const auto Count = reinterpret_cast<uintptr_t>(Round);
  visit("end of key");
  if (Count != 4)
    pthread_setspecific(Key, reinterpret_cast<void *>(Count + 1));
}

void *runThread(void *) {
  AThreads.touch();
  pthread_setspecific(Key, reinterpret_cast<void *>(1));
  return nullptr;
}

void useLibrary(const char *Path, int Flags) {
  void *Library = dlopen(Path, RTLD_NOW | Flags);
  if (!Library) {
    fprintf(stderr, "%s\n", dlerror());
    return;
  }
  if (Flags & RTLD_DEEPBIND) {
    // Its malloc is the C library's: nothing may be passed on.
    using Function = int();
    reinterpret_cast<Function *>(dlsym(Library, "readFresh"))();
    dlclose(Library);
  } else {
    using Function = void *(void *);
    auto *PassOn = reinterpret_cast<Function *>(dlsym(Library, "passOn"));
    void *Ptr = PassOn(malloc(3UL << 20));
    dlclose(Library);
    free(Ptr);
  }
  visit(Flags & RTLD_DEEPBIND ? "after a library bound to itself"
                              : "after a library");
}

__attribute__((section(".preinit_array"),
               used)) void (*Preinit)() = beforeConstructors;

} // namespace

int main(int Argc, char **Argv) {
  visit("main");
  pthread_key_create(&Key, destroyKey);
  pthread_t Thread;
  if (pthread_create(&Thread, nullptr, runThread, nullptr) != 0)
    return 1;
  pthread_join(Thread, nullptr);
  // A library to load, and how the program ends.
  if (Argc > 1 && Argv[1][0]) {
    useLibrary(Argv[1], 0);
    useLibrary(Argv[1], RTLD_DEEPBIND);
  }
  atexit([] { visit("atexit"); });
  on_exit([](int, void *) { visit("on_exit"); }, nullptr);
  at_quick_exit([] { visit("at_quick_exit"); });
  if (Argc > 2 && strcmp(Argv[2], "quick_exit") == 0)
    quick_exit(0);
}
