// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "regret_methods.h"

#include "arguments.h"
#include "fresh_methods.h"
#include "pages.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bench {
namespace {

// A method with one block that it keeps.
class Keeping : public Method {
public:
  explicit constexpr Keeping(const char *Name) : Name(Name) {}
  const char *name() const override { return Name; }
  void keep(char *NewBlock) { Block = NewBlock; }
  char *get(size_t Size) override {
    restore(Block, Size);
    return Block;
  }
  void put(char *, size_t) override {}

protected:
  virtual void restore(char *Block, size_t Size) = 0;
  ~Keeping() = default;

private:
  const char *const Name;
  char *Block = nullptr;
};

class KeptMemset final : public Keeping {
public:
  using Keeping::Keeping;

private:
  void restore(char *Block, size_t Size) override { fill(Block, Size); }
};

class KeptDontNeed final : public Keeping {
public:
  using Keeping::Keeping;

private:
  void restore(char *Block, size_t Size) override {
    if (madvise(Block, Size, MADV_DONTNEED) != 0)
      fail("MADV_DONTNEED");
  }
};

int openPagemap() {
  const int Fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (Fd < 0)
    fail("/proc/self/pagemap");
  return Fd;
}

// Fills the pages that are the block's own, which are those that were written.
class KeptPagemap final : public Keeping {
public:
  using Keeping::Keeping;

private:
  static constexpr size_t MaxEntries = 2048;

  void restore(char *Block, size_t Size) override {
    if (Fd < 0)
      Fd = openPagemap();
    for (size_t At = 0; At < Size; At += MaxEntries * PageSize) {
      const size_t Left = (Size - At) / PageSize;
      restorePart(Block + At, Left < MaxEntries ? Left : MaxEntries);
    }
  }

  void restorePart(char *From, size_t Pages) {
    const uintptr_t First = reinterpret_cast<uintptr_t>(From) / PageSize;
    const size_t Bytes = Pages * sizeof(uint64_t);
    if (pread(Fd, Entries, Bytes,
              static_cast<off_t>(First * sizeof(uint64_t))) !=
        static_cast<ssize_t>(Bytes))
      fail("/proc/self/pagemap");
    for (size_t I = 0; I < Pages;) {
      const size_t Begin = I;
      while (I < Pages && isOwn(Entries[I]))
        ++I;
      if (I != Begin)
        fill(From + Begin * PageSize, (I - Begin) * PageSize);
      else
        ++I;
    }
  }

  static bool isOwn(uint64_t Entry) {
    constexpr uint64_t PresentOrSwapped = 3ULL << 62;
    constexpr uint64_t FilePage = 1ULL << 61;
    return !(Entry & FilePage) && (Entry & PresentOrSwapped);
  }

  int Fd = -1;
  uint64_t Entries[MaxEntries] = {};
};

// The same by the ioctl of Linux 6.7, which gives ranges instead of pages.
// Debian 12's headers are older than that.
class KeptScan final : public Keeping {
public:
  using Keeping::Keeping;

  static bool works() {
    KeptScan Probe("");
    char Page[1];
    Probe.Fd = openPagemap();
    char *At = Page - reinterpret_cast<uintptr_t>(Page) % PageSize;
    uint64_t End;
    const bool Works = Probe.scan(At, At + PageSize, &End) >= 0;
    close(Probe.Fd);
    return Works;
  }

private:
  static constexpr size_t MaxRanges = 1024;

  struct Range {
    uint64_t Start;
    uint64_t End;
    uint64_t Categories;
  };

  struct Request {
    uint64_t Size;
    uint64_t Flags;
    uint64_t Start;
    uint64_t End;
    uint64_t WalkEnd;
    uint64_t Ranges;
    uint64_t RangeCount;
    uint64_t MaxPages;
    uint64_t Inverted;
    uint64_t AllOf;
    uint64_t AnyOf;
    uint64_t Returned;
  };

  enum Category : uint64_t {
    File = 1 << 2,
    Present = 1 << 3,
    Swapped = 1 << 4
  };

  // Gives how many ranges it found, -1 on failure, and where it came to.
  int scan(char *From, char *To, uint64_t *WalkEnd) {
    Request R = {};
    R.Size = sizeof(R);
    R.Start = reinterpret_cast<uintptr_t>(From);
    R.End = reinterpret_cast<uintptr_t>(To);
    R.Ranges = reinterpret_cast<uintptr_t>(Ranges);
    R.RangeCount = MaxRanges;
    R.Inverted = File;
    R.AllOf = File;
    R.AnyOf = Present | Swapped;
    // All ranges have it, so that neighbours are one.
    R.Returned = File;
    const int Count = ioctl(Fd, _IOWR('f', 16, Request), &R);
    *WalkEnd = R.WalkEnd;
    return Count;
  }

  void restore(char *Block, size_t Size) override {
    if (Fd < 0)
      Fd = openPagemap();
    char *At = Block;
    while (At != Block + Size) {
      uint64_t End;
      const int Count = scan(At, Block + Size, &End);
      if (Count < 0)
        fail("PAGEMAP_SCAN");
      for (int I = 0; I < Count; ++I)
        fill(reinterpret_cast<char *>(Ranges[I].Start),
             Ranges[I].End - Ranges[I].Start);
      At = reinterpret_cast<char *>(End);
    }
  }

  int Fd = -1;
  Range Ranges[MaxRanges] = {};
};

constexpr size_t KiB = 1 << 10;
constexpr size_t MiB = 1 << 20;
constexpr size_t MaxMethods = 8;
Method *Chosen[MaxMethods];

} // namespace

Methods freshMethods(size_t Size) {
  static Memset ByMemset;
  static HugePages ByHugePages("memset of huge pages", /*Fills=*/true);
  static Populate ByPopulate;
  static Windows Small("windows of 64 KiB", 64 * KiB);
  static Windows Medium("windows of 256 KiB", 256 * KiB);
  static Windows Large("windows of 1 MiB", MiB);
  size_t Count = 0;
  Chosen[Count++] = &ByMemset;
  Chosen[Count++] = &ByPopulate;
  // A smaller one has none.
  if (Size >= 2 * MiB)
    Chosen[Count++] = &ByHugePages;
  Windows *const Sizes[] = {&Small, &Medium, &Large};
  for (Windows *By : Sizes) {
    By->make();
    Chosen[Count++] = By;
  }
  return {Chosen, Count};
}

Methods reusingMethods(size_t Size) {
  static KeptMemset ByMemset("kept, memset");
  static KeptDontNeed SmallDontNeed("kept windows of 64 KiB, MADV_DONTNEED");
  static KeptDontNeed LargeDontNeed("kept windows of 1 MiB, MADV_DONTNEED");
  static KeptPagemap ByPagemap("kept windows, pagemap");
  static KeptScan ByScan("kept windows, PAGEMAP_SCAN");
  static Window SmallWindow(64 * KiB);
  static Window LargeWindow(MiB);
  SmallWindow.make();
  LargeWindow.make();
  size_t Count = 0;
  ByMemset.keep(mapAnonymous(Size));
  Chosen[Count++] = &ByMemset;
  SmallDontNeed.keep(SmallWindow.map(Size));
  Chosen[Count++] = &SmallDontNeed;
  LargeDontNeed.keep(LargeWindow.map(Size));
  Chosen[Count++] = &LargeDontNeed;
  ByPagemap.keep(LargeWindow.map(Size));
  Chosen[Count++] = &ByPagemap;
  if (KeptScan::works()) {
    ByScan.keep(LargeWindow.map(Size));
    Chosen[Count++] = &ByScan;
  }
  return {Chosen, Count};
}

} // namespace bench
