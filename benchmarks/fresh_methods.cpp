// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "fresh_methods.h"

#include "arguments.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bench {

char *mapPrivate(void *At, size_t Size, int Flags, int Fd) {
  void *Got =
      mmap(At, Size, PROT_READ | PROT_WRITE, MAP_PRIVATE | Flags, Fd, 0);
  if (Got == MAP_FAILED)
    fail("mmap");
  return static_cast<char *>(Got);
}

char *mapAnonymous(size_t Size) {
  return mapPrivate(nullptr, Size, MAP_ANONYMOUS, -1);
}

void fill(char *From, size_t Size) { memset(From, PatternByte, Size); }

char *Memset::get(size_t Size) {
  char *Block = mapAnonymous(Size);
  fill(Block, Size);
  return Block;
}

void Memset::put(char *Block, size_t Size) { munmap(Block, Size); }

constexpr size_t HugePageSize = 2 << 20;

char *HugePages::get(size_t Size) {
  // Room to begin at a huge page.
  Reserved = mapAnonymous(Size + HugePageSize);
  const uintptr_t IntoPage =
      reinterpret_cast<uintptr_t>(Reserved) % HugePageSize;
  char *Block = Reserved + (IntoPage ? HugePageSize - IntoPage : 0);
  madvise(Block, Size, MADV_HUGEPAGE);
  if (Fills)
    fill(Block, Size);
  return Block;
}

void HugePages::put(char *, size_t Size) {
  munmap(Reserved, Size + HugePageSize);
}

char *Populate::get(size_t Size) {
  constexpr size_t Batch = 128 << 10;
  char *Block = mapAnonymous(Size);
  for (size_t At = 0; At < Size; At += Batch) {
    const size_t Part = Size - At < Batch ? Size - At : Batch;
    madvise(Block + At, Part, MADV_POPULATE_WRITE);
    fill(Block + At, Part);
  }
  return Block;
}

void Populate::put(char *Block, size_t Size) { munmap(Block, Size); }

void Window::make() {
  if (Fd >= 0)
    return;
  Fd = memfd_create("window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (Fd < 0 || ftruncate(Fd, static_cast<off_t>(WindowSize)) != 0)
    fail("memfd_create");
  void *Contents = mmap(nullptr, WindowSize, PROT_WRITE, MAP_SHARED, Fd, 0);
  if (Contents == MAP_FAILED)
    fail("mmap");
  fill(static_cast<char *>(Contents), WindowSize);
  munmap(Contents, WindowSize);
  if (fcntl(Fd, F_ADD_SEALS,
            F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    fail("F_ADD_SEALS");
}

char *Window::map(size_t Size) const {
  if (Size <= WindowSize)
    return mapPrivate(nullptr, Size, 0, Fd);
  void *Reserved = mmap(nullptr, Size, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (Reserved == MAP_FAILED)
    fail("mmap");
  char *Block = static_cast<char *>(Reserved);
  for (size_t At = 0; At < Size; At += WindowSize) {
    const size_t Part = Size - At < WindowSize ? Size - At : WindowSize;
    mapPrivate(Block + At, Part, MAP_FIXED, Fd);
  }
  return Block;
}

void Windows::put(char *Block, size_t Size) { munmap(Block, Size); }

} // namespace bench
