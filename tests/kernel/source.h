// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ways to get reference pages, as a program sees them. Written straight to
// the kernel's interface: what uses this library's own backends would not judge
// the kernel alone.

#ifndef REFPAGE_TESTS_KERNEL_SOURCE_H_
#define REFPAGE_TESTS_KERNEL_SOURCE_H_

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <vector>

namespace refpage_test {

// In the order of the columns of rows.inc.
enum class Way : uint8_t {
  Anonymous, // Memory that is filled by nobody, to compare with: zeros.
  Memfd,     // A sealed memory file, mapped as often as a block needs.
  Device,    // The module, without flags and with each of its own.
  DeviceUnaccounted,
  DeviceFresh,
  Syscall, // refpage_create() of a patched kernel.
};
constexpr size_t NumWays = 6;

class Source {
public:
  explicit Source(Way Kind) : Kind(Kind) {}

  Way way() const { return Kind; }
  // As --source= has it.
  const char *name() const;
  bool isDevice() const;
  // By the module or the system call: one page answers all faults.
  bool isKernelMade() const { return isDevice() || Kind == Way::Syscall; }

  // Why this machine does not have it; empty if it does.
  std::string whyMissing() const;

  // A file of reference pages, or a negative errno. Content is Size bytes; on
  // Arm with WithTags it is in memory with tags, which are to be kept.
  // MoreFlags are added to those that make the way what it is.
  // -EOPNOTSUPP for anonymous memory, which has no file.
  int create(const void *Content, size_t Size, bool WithTags = false,
             uint64_t MoreFlags = 0) const;

  // Length bytes, whole pages, of private reference pages from the file, by as
  // few mmap() as it takes. NULL and errno if it fails. Prot and Flags are
  // those of mmap(), MAP_PRIVATE is added. For anonymous memory Fd is ignored.
  uint8_t *map(int Fd, size_t Length, int Prot, int Flags = 0) const;

private:
  Way Kind;
};

// The one that --source= names; false if there is none of the name.
bool findSource(const std::string &Name, Source *Result);
std::vector<Source> listSources();

// As administrator of the machine: whether the module takes
// REFPAGE_UNACCOUNTED. False if that cannot be set here.
bool allowUnaccounted(bool IsAllowed);

size_t pageSize();
// What a mapping of the memory file holds at most: the size of the window.
size_t windowSize();

// The number that the kernel has given to refpage_create(); 0 if none.
long getSyscallNumber();

// The calls themselves; a new descriptor, or -1 and errno.
int createByDevice(uint64_t Content, uint32_t Size, uint64_t Flags,
                   uint32_t Reserved = 0);
int createBySyscall(uint64_t Content, uint32_t Size, uint64_t Flags);

} // namespace refpage_test

#endif // REFPAGE_TESTS_KERNEL_SOURCE_H_
