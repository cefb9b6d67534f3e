// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block of reference pages, and what a probe does to it and reads of it.

#ifndef REFPAGE_TESTS_KERNEL_BLOCK_H_
#define REFPAGE_TESTS_KERNEL_BLOCK_H_

#include "tests/kernel/source.h"

#include <sys/mman.h>

#include <string>
#include <vector>

namespace refpage_test {

constexpr int ReadWrite = PROT_READ | PROT_WRITE;

// What the pages of blocks hold: a page of bytes of which no two words are
// alike; zeros for anonymous memory.
const uint8_t *contentsOf(const Source &From);

// Pages of contents. It is for a probe's process: it is not unmapped, and what
// cannot be made ends the probe.
class Block {
public:
  Block(const Source &From, size_t Pages, int Prot = ReadWrite, int Flags = 0);

  uint8_t *base() const { return Base; }
  uint8_t *page(size_t I) const { return Base + I * pageSize(); }
  size_t pages() const { return Pages; }
  size_t bytes() const { return Pages * pageSize(); }
  // -1 for anonymous memory.
  int fd() const { return Fd; }

  // Whether the pages [First, End) hold the contents, all but the byte at
  // Written, if that is not NULL. What is wrong is in describeWrong().
  bool holds(size_t First, size_t End, const uint8_t *Written = nullptr);
  bool holds() { return holds(0, Pages); }
  const std::string &describeWrong() const { return Wrong; }

private:
  const uint8_t *Contents;
  size_t Pages;
  int Fd;
  uint8_t *Base = nullptr;
  std::string Wrong;
};

// A byte that is not in the contents at Address, an address in a block.
uint8_t otherThan(uint8_t Byte);

// Accesses the byte and returns 0, or the signal that it took. Thread-safe.
int tryRead(const volatile uint8_t *Address, uint8_t *Value = nullptr);
int tryWrite(volatile uint8_t *Address, uint8_t Value);
// The si_code of the signal that the calling thread's last such access took.
int getSignalCode();

// How many mappings lie in the range.
size_t countMappings(const uint8_t *Base, size_t Bytes);
// A sum over the range from /proc/self/smaps, in KiB, such as "Pss:".
size_t readSmaps(const uint8_t *Base, size_t Bytes, const char *Field);
// Whether all mappings in the range have the flag, two letters (proc(5)).
bool haveVmFlag(const uint8_t *Base, size_t Bytes, const char *Flag);
// From /proc/self/status or /proc/meminfo, in KiB; 0 if there is no such line.
size_t readKiB(const char *Path, const char *Field);
// The entry of /proc/self/pagemap.
uint64_t readPagemap(const uint8_t *Address);

// Drops privileges: another user, of which there is no other process.
void becomeNobody();

// Linux's, as 100 * major + minor.
int getKernelVersion();

} // namespace refpage_test

#endif // REFPAGE_TESTS_KERNEL_BLOCK_H_
