// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program that replaces the plain operator new and delete alone, as the
// language allows: the other forms come to it.

#include <new>
#include <stdio.h>
#include <stdlib.h>

#ifndef __clang__ // That the sized form is missing is what this is about.
#pragma GCC diagnostic ignored "-Wsized-deallocation"
#endif

namespace {
constexpr size_t Offset = 64;
int News;
int Deletes;
} // namespace

// Not what our malloc gave: a free of it in the library would be noticed.
void *operator new(size_t Size) {
  News++;
  char *Ptr = static_cast<char *>(malloc(Size + Offset));
  return Ptr + Offset;
}

void operator delete(void *Ptr) noexcept {
  Deletes++;
  free(static_cast<char *>(Ptr) - Offset);
}

int main() {
  void *Ptr = operator new(100);
  operator delete(Ptr, 100);
  Ptr = operator new[](100);
  operator delete[](Ptr);
  Ptr = operator new[](100);
  operator delete[](Ptr, 100);
  Ptr = operator new(100, std::nothrow);
  operator delete(Ptr, std::nothrow);
  Ptr = operator new[](100, std::nothrow);
  operator delete[](Ptr, std::nothrow);
  printf("%d news, %d deletes\n", News, Deletes);
}
