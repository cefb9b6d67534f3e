// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/kernel/source.h"

#include "platform/linux_kernel/refpage.h"
#include "tests/kernel/tags.h"

#include <algorithm>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace refpage_test {
namespace {

constexpr const char *Names[NumWays] = {"anonymous",    "memfd",
                                        "device",       "device-unaccounted",
                                        "device-fresh", "syscall"};

// Fills the file, with tags through a mapping that has them.
bool fillWindow(int Fd, const uint8_t *Content, size_t Size, bool WithTags) {
  if (!WithTags) {
    uint8_t Chunk[1UL << 16];
    for (size_t I = 0; I != sizeof(Chunk); I += Size)
      memcpy(Chunk + I, Content, Size);
    for (size_t Done = 0; Done != windowSize(); Done += sizeof(Chunk))
      if (pwrite(Fd, Chunk, sizeof(Chunk), static_cast<off_t>(Done)) !=
          static_cast<ssize_t>(sizeof(Chunk)))
        return false;
    return true;
  }
  if (ftruncate(Fd, static_cast<off_t>(windowSize())) != 0)
    return false;
  void *Memory =
      mmap(nullptr, windowSize(), PROT_READ | PROT_WRITE | TaggedProtection,
           MAP_SHARED, Fd, 0);
  if (Memory == MAP_FAILED)
    return false;
  uint8_t *Window = static_cast<uint8_t *>(Memory);
  for (size_t I = 0; I != windowSize(); I += Size)
    memcpy(Window + I, Content, Size);
  for (size_t I = 0; I != windowSize(); I += TagGranule)
    storeTag(Window + I, loadTag(Content + I % Size));
  return munmap(Memory, windowSize()) == 0;
}

int createByMemfd(const void *Content, size_t Size, bool WithTags) {
  const int Fd = memfd_create("refpage", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (Fd == -1)
    return -1;
  if (fillWindow(Fd, static_cast<const uint8_t *>(Content), Size, WithTags) &&
      fcntl(Fd, F_ADD_SEALS,
            F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
    return Fd;
  const int Errno = errno;
  close(Fd);
  errno = Errno;
  return -1;
}

uint64_t flagsOf(Way Kind) {
  switch (Kind) {
  case Way::DeviceUnaccounted:
    return REFPAGE_UNACCOUNTED;
  case Way::DeviceFresh:
    return REFPAGE_FRESH;
  default:
    return 0;
  }
}

} // namespace

bool allowUnaccounted(bool IsAllowed) {
  const int Fd = open("/sys/module/refpage/parameters/allow_unaccounted",
                      O_WRONLY | O_CLOEXEC);
  if (Fd == -1)
    return false;
  const bool IsSet = write(Fd, IsAllowed ? "1" : "0", 1) == 1;
  close(Fd);
  return IsSet;
}

size_t pageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }
size_t windowSize() { return 1UL << 20; }

long getSyscallNumber() {
  FILE *File = fopen(REFPAGE_SYSCALL_NR_PATH, "re");
  if (!File)
    return 0;
  long Number = 0;
  if (fscanf(File, "%ld", &Number) != 1)
    Number = 0;
  fclose(File);
  return Number;
}

int createByDevice(uint64_t Content, uint32_t Size, uint64_t Flags,
                   uint32_t Reserved) {
  const int Device = open(REFPAGE_DEVICE_PATH, O_RDWR | O_CLOEXEC);
  if (Device == -1)
    return -1;
  refpage_create_args Args = {};
  Args.content = Content;
  Args.flags = Flags;
  Args.size = Size;
  Args.reserved = Reserved;
  const int Fd = ioctl(Device, REFPAGE_IOC_CREATE, &Args);
  const int Errno = errno;
  close(Device);
  errno = Errno;
  return Fd;
}

int createBySyscall(uint64_t Content, uint32_t Size, uint64_t Flags) {
  static const long Number = getSyscallNumber();
  if (Number == 0) {
    errno = ENOSYS;
    return -1;
  }
  return static_cast<int>(syscall(Number, Content, Size, Flags));
}

const char *Source::name() const { return Names[static_cast<size_t>(Kind)]; }

bool Source::isDevice() const {
  return Kind == Way::Device || Kind == Way::DeviceUnaccounted ||
         Kind == Way::DeviceFresh;
}

std::string Source::whyMissing() const {
  if (Kind == Way::Anonymous)
    return {};
  const uint64_t Content = 0;
  const int Fd = create(&Content, sizeof(Content));
  if (Fd < 0)
    return std::string("it cannot be made: ") + strerror(-Fd);
  close(Fd);
  return {};
}

int Source::create(const void *Content, size_t Size, bool WithTags,
                   uint64_t MoreFlags) const {
  const uint64_t Address = reinterpret_cast<uintptr_t>(Content);
  const uint32_t Bytes = static_cast<uint32_t>(Size);
  int Fd = -1;
  if (Kind == Way::Anonymous)
    errno = EOPNOTSUPP;
  else if (Kind == Way::Memfd)
    Fd = createByMemfd(Content, Size, WithTags);
  else if (Kind == Way::Syscall)
    Fd = createBySyscall(Address, Bytes, MoreFlags);
  else
    Fd = createByDevice(Address, Bytes, flagsOf(Kind) | MoreFlags);
  return Fd == -1 ? -errno : Fd;
}

uint8_t *Source::map(int Fd, size_t Length, int Prot, int Flags) const {
  if (Kind == Way::Anonymous) {
    void *Memory =
        mmap(nullptr, Length, Prot, MAP_PRIVATE | MAP_ANONYMOUS | Flags, -1, 0);
    return Memory == MAP_FAILED ? nullptr : static_cast<uint8_t *>(Memory);
  }
  if (Kind != Way::Memfd) {
    void *Memory = mmap(nullptr, Length, Prot, MAP_PRIVATE | Flags, Fd, 0);
    return Memory == MAP_FAILED ? nullptr : static_cast<uint8_t *>(Memory);
  }
  void *Reserved = mmap(nullptr, Length, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (Reserved == MAP_FAILED)
    return nullptr;
  uint8_t *Base = static_cast<uint8_t *>(Reserved);
  for (size_t Done = 0; Done < Length; Done += windowSize()) {
    if (mmap(Base + Done, std::min(Length - Done, windowSize()), Prot,
             MAP_PRIVATE | MAP_FIXED | Flags, Fd, 0) == MAP_FAILED) {
      const int Errno = errno;
      munmap(Base, Length);
      errno = Errno;
      return nullptr;
    }
  }
  return Base;
}

bool findSource(const std::string &Name, Source *Result) {
  for (const Source &S : listSources())
    if (Name == S.name()) {
      *Result = S;
      return true;
    }
  return false;
}

std::vector<Source> listSources() {
  std::vector<Source> All;
  for (size_t I = 0; I != NumWays; I++)
    All.emplace_back(static_cast<Way>(I));
  return All;
}

} // namespace refpage_test
