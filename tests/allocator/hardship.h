// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program does to itself while its other threads allocate: it closes
// descriptors and opens its own files in their place, and runs out of things.

#ifndef REFPAGE_TESTS_ALLOCATOR_HARDSHIP_H_
#define REFPAGE_TESTS_ALLOCATOR_HARDSHIP_H_

#include "tests/allocator/soak_worker.h"

namespace refpage_test {

// Of one thread; nothing here allocates while something has run out.
class Hardship {
public:
  Hardship(SoakState *Shared, unsigned Seed);

  // Until so many seconds have passed: at random times closes all descriptors
  // and opens a file on their numbers, whose bytes are looked at. The state
  // fails if they have changed. A number that the program takes between the
  // library's look at it and its close() is closed, which nothing can exclude:
  // those are counted.
  void closeDescriptors(double Seconds);

  // The same with one resource after the other that runs out for a while:
  // descriptors, address space, memory for data, mappings, file size. What
  // cannot be limited here (tests/support/emulator.h) is left out.
  void runOut(double Seconds);

private:
  size_t upTo(size_t Most) { return Random() % (Most + 1); }
  void pause(unsigned MaxMilliseconds);
  void takeNumbers();
  void expectOwnFilesUntouched();
  void exhaustDescriptors();
  void limit(int Which, uint64_t Value);
  void limitMemory(int Which, uint64_t Value);
  void exhaustMappings();

  SoakState &State;
  std::mt19937 Random;
  uint64_t OwnInode = 0;
  size_t Opened = 0;
  size_t Lost = 0;
  bool IsOurs[1024] = {}; // By number: the program's own file.
};

} // namespace refpage_test

#endif // REFPAGE_TESTS_ALLOCATOR_HARDSHIP_H_
