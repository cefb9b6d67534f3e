// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "kernel_methods.h"

#include "arguments.h"
#include "fresh_methods.h"
#include "platform/kernel_refpage.h"
#include "userfaultfd_method.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

namespace bench {
namespace {

constexpr uint64_t Pattern = 0x0101010101010101ULL * PatternByte;

class Anonymous final : public Method {
public:
  const char *name() const override { return "anon"; }
  char *get(size_t Size) override { return mapAnonymous(Size); }
  void put(char *Block, size_t Size) override { munmap(Block, Size); }
};

// Whatever malloc that is. LD_PRELOAD and options say.
class Malloc final : public Method {
public:
  const char *name() const override { return "malloc"; }
  char *get(size_t Size) override {
    char *Block = static_cast<char *>(malloc(Size));
    if (!Block)
      fail("malloc");
    return Block;
  }
  void put(char *Block, size_t) override { free(Block); }
};

// One file of reference pages, of which each block is one mapping.
class KernelMade : public Method {
public:
  void make() {
    const int Error = create(&File);
    if (!Error)
      return;
    errno = Error;
    fail(name());
  }
  char *get(size_t Size) override {
    return mapPrivate(nullptr, Size, 0, File.Fd);
  }
  void put(char *Block, size_t Size) override { munmap(Block, Size); }

protected:
  virtual int create(refpage::KeptFile *New) const = 0;
  ~KernelMade() = default;

private:
  refpage::KeptFile File;
};

class BySyscall final : public KernelMade {
public:
  const char *name() const override { return "syscall"; }

private:
  int create(refpage::KeptFile *New) const override {
    return refpage::createRefpageBySyscall(&Pattern, sizeof(Pattern),
                                           refpage::UnderFilter::GiveUp, New);
  }
};

class ByDevice final : public KernelMade {
public:
  constexpr ByDevice(const char *Name, uint64_t Flags)
      : Name(Name), Flags(Flags) {}
  const char *name() const override { return Name; }

private:
  int create(refpage::KeptFile *New) const override {
    return refpage::createRefpageByDevice(&Pattern, sizeof(Pattern), Flags,
                                          refpage::UnderFilter::GiveUp, New);
  }

  const char *const Name;
  const uint64_t Flags;
};

constexpr size_t KiB = 1 << 10;
constexpr size_t MiB = 1 << 20;

Anonymous ByNobody;
HugePages ByNobodyHuge("anon-huge", /*Fills=*/false);
Malloc ByMalloc;
Memset ByMemset;
HugePages ByMemsetHuge("memset-huge", /*Fills=*/true);
Populate ByPopulate;
UserFaultFd ByUserFaultFd;
Windows Windows4K("window-4K", 4 * KiB);
Windows Windows64K("window-64K", 64 * KiB);
Windows Windows2M("window-2M", 2 * MiB);
Windows *const AllWindows[] = {&Windows4K, &Windows64K, &Windows2M};
BySyscall TheSyscall;
ByDevice Device("device", 0);
ByDevice DeviceUnaccounted("device-unaccounted", REFPAGE_UNACCOUNTED);
ByDevice DeviceFresh("device-fresh", REFPAGE_FRESH);
KernelMade *const AllKernelMade[] = {&TheSyscall, &Device, &DeviceUnaccounted,
                                     &DeviceFresh};
Method *const ReadyMade[] = {&ByNobody,     &ByNobodyHuge, &ByMalloc,
                             &ByMemset,     &ByMemsetHuge, &ByPopulate,
                             &ByUserFaultFd};

bool isCalled(const Method &By, const char *Name) {
  return strcmp(By.name(), Name) == 0;
}

} // namespace

Method &findMethod(const char *Name) {
  for (Method *By : ReadyMade)
    if (isCalled(*By, Name))
      return *By;
  for (Windows *By : AllWindows)
    if (isCalled(*By, Name)) {
      By->make();
      return *By;
    }
  for (KernelMade *By : AllKernelMade)
    if (isCalled(*By, Name)) {
      By->make();
      return *By;
    }
  fprintf(stderr, "kernel: no method '%s'\n", Name);
  exit(2);
}

bool hasPattern(const Method &By) {
  return &By != &ByNobody && &By != &ByNobodyHuge && &By != &ByMalloc;
}

} // namespace bench
