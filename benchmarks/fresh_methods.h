// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Methods that map each block anew, by raw system calls, and unmap it: what
// every kernel has.

#ifndef REFPAGE_BENCHMARKS_FRESH_METHODS_H
#define REFPAGE_BENCHMARKS_FRESH_METHODS_H

#include "method.h"

#include <stddef.h>

namespace bench {

// Private memory that can be written; ends the program if there is none.
char *mapPrivate(void *At, size_t Size, int Flags, int Fd);
char *mapAnonymous(size_t Size);
// With the pattern.
void fill(char *From, size_t Size);

class Memset final : public Method {
public:
  const char *name() const override { return "memset"; }
  char *get(size_t Size) override;
  void put(char *Block, size_t Size) override;
};

// One block at a time. Without huge pages in the kernel as with small ones.
class HugePages final : public Method {
public:
  constexpr HugePages(const char *Name, bool Fills)
      : Name(Name), Fills(Fills) {}
  const char *name() const override { return Name; }
  char *get(size_t Size) override;
  void put(char *Block, size_t Size) override;

private:
  const char *const Name;
  const bool Fills;
  char *Reserved = nullptr;
};

// The kernel maps the pages of a batch in one call; the batch still is in the
// cache when it is written.
class Populate final : public Method {
public:
  const char *name() const override { return "populate, memset"; }
  char *get(size_t Size) override;
  void put(char *Block, size_t Size) override;
};

// A sealed file that holds the pattern, to be mapped privately many times.
class Window {
public:
  explicit constexpr Window(size_t Size) : WindowSize(Size) {}

  void make();
  // Over all of a new block.
  char *map(size_t Size) const;

private:
  const size_t WindowSize;
  int Fd = -1;
};

class Windows final : public Method {
public:
  constexpr Windows(const char *Name, size_t WindowSize)
      : Name(Name), TheWindow(WindowSize) {}
  const char *name() const override { return Name; }
  void make() { TheWindow.make(); }
  char *get(size_t Size) override { return TheWindow.map(Size); }
  void put(char *Block, size_t Size) override;

private:
  const char *const Name;
  Window TheWindow;
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_FRESH_METHODS_H
