// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the kernel counts and tells about blocks.

#include "tests/kernel/block.h"
#include "tests/kernel/rows.h"

#include <algorithm>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace refpage_test {
namespace {

// Reads a byte of each page.
void readPages(const Block &B) {
  for (size_t I = 0; I != B.pages(); I++)
    static_cast<void>(*static_cast<volatile uint8_t *>(B.page(I)));
}

// Huge pages of zeros or of our writes would be another question.
void refuseHugePages(const Block &B) {
  madvise(B.base(), B.bytes(), MADV_NOHUGEPAGE);
}

// 1 GiB, or what the machine has memory for if each page should take some.
size_t pagesToRead() {
  size_t Bytes = 1UL << 30;
  const size_t Available = readKiB("/proc/meminfo", "MemAvailable:") << 10;
  while (Bytes > Available / 2)
    Bytes /= 2;
  return Bytes / pageSize();
}

Answer growthAfterReading(const Source &From, const char *Field) {
  const Block B(From, pagesToRead());
  refuseHugePages(B);
  const size_t Before = readSmaps(B.base(), B.bytes(), Field);
  readPages(B);
  const size_t Growth = readSmaps(B.base(), B.bytes(), Field) - Before;
  // Of half a percent nothing is made.
  Answer Percent = number((Growth * 1024 * 100 + B.bytes() / 2) / B.bytes());
  Percent.Detail =
      std::to_string(Growth) + " KiB of " + std::to_string(B.bytes() / 1024);
  return Percent;
}

std::string bitsOf(uint64_t Entry) {
  std::string Bits = "---";
  if (Entry & 1UL << 63)
    Bits[0] = 'p';
  if (Entry & 1UL << 61)
    Bits[1] = 'f';
  if (Entry & 1UL << 56)
    Bits[2] = 'e';
  return Bits;
}

} // namespace

// The process as a whole, as people see it.
Answer residentAfterReading(const Source &From) {
  const Block B(From, pagesToRead());
  refuseHugePages(B);
  const size_t Before = readKiB("/proc/self/status", "VmRSS:");
  readPages(B);
  const size_t Growth = readKiB("/proc/self/status", "VmRSS:") - Before;
  Answer Percent = number((Growth * 1024 * 100 + B.bytes() / 2) / B.bytes());
  Percent.Detail =
      std::to_string(Growth) + " KiB of " + std::to_string(B.bytes() / 1024);
  return Percent;
}

Answer shareAfterReading(const Source &From) {
  return growthAfterReading(From, "Pss:");
}

Answer countedAs(const Source &From) {
  const Block B(From, 1024);
  refuseHugePages(B);
  constexpr const char *Kinds[] = {"RssAnon", "RssFile", "RssShmem"};
  size_t Before[3];
  for (int Pass = 0; Pass != 2; Pass++) // The first touches what reads use.
    for (size_t I = 0; I != 3; I++)
      Before[I] =
          readKiB("/proc/self/status", (std::string(Kinds[I]) + ":").c_str());
  readPages(B);
  for (size_t I = 0; I != 3; I++)
    if (readKiB("/proc/self/status", (std::string(Kinds[I]) + ":").c_str()) >
        Before[I] + B.bytes() / 1024 / 2)
      return {Kinds[I], {}};
  return {"nothing", {}};
}

Answer residentAfterWriting(const Source &From) {
  const Block B(From, 1024);
  refuseHugePages(B);
  for (size_t I = 0; I < B.pages(); I += 4)
    B.page(I)[7] = 1;
  return number(readSmaps(B.base(), B.bytes(), "Anonymous:") * 1024 /
                pageSize());
}

Answer isCommitted(const Source &From) {
  const Block B(From, 16);
  return yesIf(haveVmFlag(B.base(), B.bytes(), "ac"));
}

Answer mappingsOfBlock(const Source &From) {
  const Block B(From, (64UL << 20) / pageSize());
  return number(countMappings(B.base(), B.bytes()));
}

Answer neighboursMerge(const Source &From) {
  constexpr size_t Count = 64;
  // Its place, and a gap on both sides in which nobody merges with it.
  uint8_t *Base =
      Source(Way::Anonymous).map(-1, (Count + 2) * pageSize(), PROT_NONE);
  if (!Base)
    giveUp("mmap");
  Base += pageSize();
  const Block B(From, 1);
  for (size_t I = 0; I != Count; I++) {
    const int Flags = MAP_PRIVATE | MAP_FIXED |
                      (From.way() == Way::Anonymous ? MAP_ANONYMOUS : 0);
    if (mmap(Base + I * pageSize(), pageSize(), ReadWrite, Flags, B.fd(),
             static_cast<off_t>(I * pageSize())) == MAP_FAILED)
      giveUp("mmap");
  }
  return number(countMappings(Base, Count * pageSize()));
}

Answer middleAndBack(const Source &From) {
  const Block B(From, 16);
  mprotect(B.page(5), 5 * pageSize(), PROT_NONE);
  if (countMappings(B.base(), B.bytes()) != 3)
    return no("not parted");
  mprotect(B.page(5), 5 * pageSize(), ReadWrite);
  return number(countMappings(B.base(), B.bytes()));
}

Answer bitsOfReadPage(const Source &From) {
  // Another mapping reads it too, as it is with pages in use.
  const Block B(From, 4), Other(From, 4);
  refuseHugePages(B);
  uint8_t *Second = From.map(B.fd(), 4 * pageSize(), PROT_READ);
  if (!Second)
    giveUp("mmap");
  tryRead(Second + pageSize());
  tryRead(B.page(1));
  return {bitsOf(readPagemap(B.page(1))), {}};
}

Answer bitsOfWrittenPage(const Source &From) {
  const Block B(From, 4);
  refuseHugePages(B);
  *B.page(1) = 1;
  return {bitsOf(readPagemap(B.page(1))), {}};
}

namespace {

// PAGEMAP_SCAN, which Debian 12's headers do not have (Linux 6.7,
// include/uapi/linux/fs.h).
struct PageRegion {
  uint64_t Start, End, Categories;
};
struct ScanArguments {
  uint64_t Size, Flags, Start, End, WalkEnd, Vector, VectorLength, MaxPages,
      CategoryInverted, CategoryMask, CategoryAnyofMask, ReturnMask;
};
constexpr uint64_t IsFile = 1 << 2, IsPresent = 1 << 3, IsZero = 1 << 5;

} // namespace

Answer scanOfReadPage(const Source &From) {
  const Block B(From, 4);
  refuseHugePages(B);
  uint8_t *Second = From.map(B.fd(), 4 * pageSize(), PROT_READ);
  if (!Second)
    giveUp("mmap");
  tryRead(Second + pageSize());
  tryRead(B.page(1));
  const int Fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  PageRegion Region = {};
  ScanArguments Arguments = {};
  Arguments.Size = sizeof(Arguments);
  Arguments.Start = reinterpret_cast<uintptr_t>(B.page(1));
  Arguments.End = Arguments.Start + pageSize();
  Arguments.Vector = reinterpret_cast<uintptr_t>(&Region);
  Arguments.VectorLength = 1;
  Arguments.CategoryAnyofMask = IsFile | IsPresent | IsZero;
  Arguments.ReturnMask = IsFile | IsPresent | IsZero;
  constexpr unsigned long Scan = _IOWR('f', 16, ScanArguments);
  const int Count = ioctl(Fd, Scan, &Arguments);
  if (Count == -1 && errno == ENOTTY)
    return unknown("the kernel has no PAGEMAP_SCAN");
  if (Count == -1)
    return ofResult(-1, "PAGEMAP_SCAN");
  std::string Bits = "---";
  if (Region.Categories & IsPresent)
    Bits[0] = 'p';
  if (Region.Categories & IsFile)
    Bits[1] = 'f';
  if (Region.Categories & IsZero)
    Bits[2] = 'z';
  return {Bits, {}};
}

} // namespace refpage_test
