// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/allocator/whole_api.h"

#include <initializer_list>
#include <malloc.h>
#include <new>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

// Not glibc's; a program that runs under the library has them from it.
extern "C" {
__attribute__((weak)) int
malloc_iterate(uintptr_t Base, size_t Size,
               void (*Callback)(uintptr_t, size_t, void *), void *Arg);
__attribute__((weak)) void malloc_disable();
__attribute__((weak)) void malloc_enable();
__attribute__((weak)) void __scudo_print_stats();
}

namespace refpage_test {
namespace {

constexpr size_t KiB = 1UL << 10;
constexpr size_t MiB = 1UL << 20;

// bionic's, for mallopt().
constexpr int DecayTime = -100;
constexpr int Purge = -101;

// Looks at one byte in 61: what blocks hold is what other tests are about.
bool holds(const char *Ptr, size_t Size, char Value) {
  for (size_t I = 0; I < Size; I += 61)
    if (Ptr[I] != Value)
      return false;
  return true;
}

bool useBlocks() {
  bool Good = true;
  for (size_t Size : {size_t(100), 60 * KiB, 300 * KiB, 3 * MiB, 80 * MiB}) {
    const int Uses = Size < 64 * MiB ? 3 : 1;
    for (int Use = 0; Use != Uses; Use++) {
      char *Ptr = static_cast<char *>(malloc(Size));
      if (!Ptr)
        return false;
      Ptr[Size / 2] = 1; // Sparsely.
      free(Ptr);
      Ptr = static_cast<char *>(calloc(1, Size));
      Good &= Ptr && holds(Ptr, Size, 0);
      free(Ptr);
    }
  }
  // Densely, until that is known of the size; then a smaller one, and one that
  // is put together.
  for (int Use = 0; Use != 8; Use++) {
    void *Ptr = malloc(8 * MiB);
    memset(Ptr, 1, 8 * MiB);
    free(Ptr);
  }
  free(malloc(5 * MiB));
  void *Whole = malloc(24 * MiB);
  memset(Whole, 1, 24 * MiB);
  free(Whole);
  // Growing and shrinking.
  char *Ptr = nullptr;
  for (size_t Size = 1000; Size < 64 * MiB; Size *= 3) {
    Ptr = static_cast<char *>(realloc(Ptr, Size));
    Good &= Ptr && (Size == 1000 || holds(Ptr, Size / 3, 7));
    memset(Ptr, 7, Size);
  }
  for (size_t Size = 8 * MiB; Size > 100; Size /= 5) {
    Ptr = static_cast<char *>(realloc(Ptr, Size));
    Good &= Ptr && holds(Ptr, Size, 7);
  }
  free(reallocarray(Ptr, 1000, 1000));
  return Good;
}

bool useAligned() {
  bool Good = true;
  for (size_t Alignment : {size_t(64), 4 * KiB, MiB}) {
    void *Ptrs[3] = {memalign(Alignment, 200 * KiB),
                     aligned_alloc(Alignment, 4 * Alignment), nullptr};
    Good &= posix_memalign(&Ptrs[2], Alignment, 100) == 0;
    for (void *Ptr : Ptrs) {
      Good &= Ptr && reinterpret_cast<uintptr_t>(Ptr) % Alignment == 0 &&
              malloc_usable_size(Ptr) >= 100;
      free(Ptr);
    }
  }
  free(valloc(100));
  free(pvalloc(100));
  auto *Object = new (std::align_val_t(64), std::nothrow) char[300 * KiB];
  operator delete[](Object, std::align_val_t(64));
  delete new long;
  return Good;
}

void useStatistics() {
  malloc_stats();
  static_cast<void>(mallinfo2());
  malloc_info(0, stderr);
  if (__scudo_print_stats)
    __scudo_print_stats();
  mallopt(DecayTime, 1);
  mallopt(Purge, 0);
  mallopt(DecayTime, 0);
  malloc_trim(0);
  if (!malloc_iterate)
    return;
  malloc_disable();
  malloc_iterate(0, UINTPTR_MAX, [](uintptr_t, size_t, void *) {}, nullptr);
  malloc_enable();
}

bool useInChild() {
  const pid_t Pid = fork();
  if (Pid == -1)
    return false;
  if (Pid == 0)
    _exit(useBlocks() ? 0 : 1);
  int Status;
  return waitpid(Pid, &Status, 0) == Pid && Status == 0;
}

} // namespace

bool useWholeApi() {
  bool Good = useBlocks() && useAligned();
  bool OthersGood[3] = {};
  std::thread Others[3];
  for (int I = 0; I != 3; I++)
    Others[I] = std::thread([&, I] { OthersGood[I] = useBlocks(); });
  Good &= useInChild();
  for (int I = 0; I != 3; I++) {
    Others[I].join();
    Good &= OthersGood[I];
  }
  useStatistics();
  return Good && useBlocks() && useInChild();
}

} // namespace refpage_test
