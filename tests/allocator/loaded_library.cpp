// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A library that programs of these tests load while they run: it uses the heap
// in its constructor and destructor, and when it is called.

#include <stdlib.h>
#include <string.h>

namespace {

char *FromConstructor;

__attribute__((constructor)) void construct() {
  FromConstructor = static_cast<char *>(malloc(1 << 20));
}

__attribute__((destructor)) void destroy() {
  free(FromConstructor);
  free(malloc(1 << 20));
}

} // namespace

// Frees what the caller allocated and returns a block that the caller frees.
// C's strdup() calls malloc from inside the C library.
extern "C" void *passOn(void *Ptr) {
  free(Ptr);
  free(strdup("text"));
  void *Large = malloc(3UL << 20);
  return Large ? realloc(Large, 4UL << 20) : nullptr;
}

// The first byte of a fresh large block.
extern "C" int readFresh() {
  auto *Ptr = static_cast<volatile unsigned char *>(malloc(3UL << 20));
  const int Byte = Ptr ? Ptr[1 << 20] : -1;
  free(const_cast<unsigned char *>(Ptr));
  return Byte;
}
