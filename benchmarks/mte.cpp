// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mte METHOD USES_BEFORE SIZE PERCENT
//
// What a large block with memory tags costs on a machine where time means
// nothing, an emulated one: instructions of the program and the kernel, page
// faults, resident memory. A block is taken and a word written in PERCENT of
// its pages, evenly over the block, after USES_BEFORE such blocks. Prints the
// medians as NAME=VALUE lines.
//
// METHOD is `malloc`, for the malloc of the process, or how the program itself
// makes a block: `none`, `stg`, `st2g` or `dcgva`, the instruction that tags
// it, or `fill`, which is `dcgva` and a memset; then `-small` or `-huge`, for
// the pages.

#include "arguments.h"

#include <dirent.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#ifndef PROT_MTE
#define PROT_MTE 0x20
#endif

namespace {

constexpr size_t PageSize = 4096;
constexpr size_t HugePageSize = 2 << 20;
constexpr size_t Granule = 16;
constexpr unsigned TagShift = 56;

// Counts hardly vary but for what the kernel does in between.
constexpr int Uses = 5;

char *untag(char *Address) {
  return reinterpret_cast<char *>(reinterpret_cast<uintptr_t>(Address) &
                                  ((uintptr_t(1) << TagShift) - 1));
}

char *withTag(char *Address, uintptr_t Tag) {
  return reinterpret_cast<char *>(reinterpret_cast<uintptr_t>(Address) |
                                  Tag << TagShift);
}

// Of the granule at Address, in the place where a pointer has its tag.
uintptr_t tagBits(char *Address) {
  uintptr_t Bits = reinterpret_cast<uintptr_t>(untag(Address));
  asm volatile(".arch armv8.5-a+memtag\n\tldg %0, [%0]"
               : "+r"(Bits)
               :
               : "memory");
  return Bits >> TagShift;
}

// --- Ways to tag a range, from its tagged start on.

void tagByStg(char *Start, char *End) {
  for (char *At = Start; At != End; At += Granule)
    asm volatile(".arch armv8.5-a+memtag\n\tstg %0, [%0]"
                 :
                 : "r"(At)
                 : "memory");
}

void tagBySt2g(char *Start, char *End) {
  for (char *At = Start; At != End; At += 2 * Granule)
    asm volatile(".arch armv8.5-a+memtag\n\tst2g %0, [%0]"
                 :
                 : "r"(At)
                 : "memory");
}

void tagByDcGva(char *Start, char *End) {
  uintptr_t Features;
  asm("mrs %0, dczid_el0" : "=r"(Features));
  constexpr uintptr_t Prohibited = 16;
  if (Features & Prohibited) {
    fprintf(stderr, "mte: DC GVA is not allowed here\n");
    exit(1);
  }
  const size_t BlockSize = size_t(4) << (Features & 15);
  for (char *At = Start; At != End; At += BlockSize)
    asm volatile(".arch armv8.5-a+memtag\n\tdc gva, %0" : : "r"(At) : "memory");
}

struct Method {
  const char *Name;
  void (*Tag)(char *, char *); // Null: the block is not tagged.
  int Advice;
  bool Fills = false;
};

constexpr Method Methods[] = {
    {"none-small", nullptr, MADV_NOHUGEPAGE},
    {"none-huge", nullptr, MADV_HUGEPAGE},
    {"stg-small", tagByStg, MADV_NOHUGEPAGE},
    {"stg-huge", tagByStg, MADV_HUGEPAGE},
    {"st2g-small", tagBySt2g, MADV_NOHUGEPAGE},
    {"st2g-huge", tagBySt2g, MADV_HUGEPAGE},
    {"dcgva-small", tagByDcGva, MADV_NOHUGEPAGE},
    {"dcgva-huge", tagByDcGva, MADV_HUGEPAGE},
    {"fill-small", tagByDcGva, MADV_NOHUGEPAGE, true},
    {"fill-huge", tagByDcGva, MADV_HUGEPAGE, true},
};

const Method *findMethod(const char *Name) {
  for (const Method &M : Methods)
    if (strcmp(M.Name, Name) == 0)
      return &M;
  fprintf(stderr, "mte: no method '%s'\n", Name);
  exit(2);
}

// By: null for malloc.
char *takeBlock(const Method *By, size_t Size) {
  if (!By) {
    char *Block = static_cast<char *>(malloc(Size));
    if (!Block)
      bench::fail("malloc");
    return Block;
  }
  // Beginning where a huge page may.
  const size_t MappedSize = Size + HugePageSize;
  const int Protection = PROT_READ | PROT_WRITE | (By->Tag ? PROT_MTE : 0);
  char *Map = static_cast<char *>(mmap(nullptr, MappedSize, Protection,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (Map == MAP_FAILED)
    bench::fail("mmap");
  char *Block = reinterpret_cast<char *>(
      (reinterpret_cast<uintptr_t>(Map) + HugePageSize - 1) &
      ~(HugePageSize - 1));
  const size_t Front = static_cast<size_t>(Block - Map);
  if (Front)
    munmap(Map, Front);
  munmap(Block + Size, HugePageSize - Front);
  if (madvise(Block, Size, By->Advice) != 0)
    bench::fail("madvise");
  if (By->Tag) {
    constexpr uintptr_t Tag = 5;
    Block = withTag(Block, Tag);
    By->Tag(Block, Block + Size);
  }
  if (By->Fills) {
    // Both while it is in the caches would save time, but no instruction.
    constexpr int Pattern = 0xab;
    memset(Block, Pattern, Size);
  }
  return Block;
}

void giveBack(const Method *By, char *Block, size_t Size) {
  if (By) {
    munmap(untag(Block), Size);
    return;
  }
  free(Block);
  // Or the next would be this one, and not fresh.
  malloc_trim(0);
}

void write(char *Block, size_t Size, size_t Percent) {
  // The start of malloc's block is not that of a page.
  const size_t Pages = Size / PageSize - 1;
  const size_t Count = Percent == 100 ? Pages : Pages * Percent / 100;
  for (size_t I = 0; I < Count; ++I) {
    volatile char *Page = Block + I * Pages / Count * PageSize;
    *reinterpret_cast<volatile uint64_t *>(Page) = I;
  }
}

// --- Measuring.

// Instructions of this thread, the kernel's included. QEMU has the event under
// -icount alone.
class InstructionCounter {
public:
  InstructionCounter() {
    perf_event_attr Attributes;
    memset(&Attributes, 0, sizeof(Attributes));
    Attributes.size = sizeof(Attributes);
    Attributes.type = PERF_TYPE_HARDWARE;
    Attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
    Fd = static_cast<int>(
        syscall(SYS_perf_event_open, &Attributes, 0, -1, -1, 0));
    if (Fd < 0)
      bench::fail("cannot count instructions");
    // Reading takes some itself. An interrupt may come in between; not each
    // time.
    Overhead = UINT64_MAX;
    for (int Try = 0; Try < 8; ++Try) {
      const uint64_t Start = read();
      Overhead = std::min(Overhead, read() - Start);
    }
  }

  uint64_t since(uint64_t Start) const { return read() - Start - Overhead; }

  uint64_t read() const {
    uint64_t Value;
    if (::read(Fd, &Value, sizeof(Value)) != sizeof(Value))
      bench::fail("cannot read the counter");
    return Value;
  }

private:
  int Fd;
  uint64_t Overhead = 0;
};

// A loop whose instructions are known; else nothing here means anything.
void checkCounter(const InstructionCounter &Counter) {
  constexpr uint64_t Turns = 1000000;
  uint64_t Counted = 0;
  // An interrupt may come in between; not each time.
  for (int Try = 0; Try < 5; ++Try) {
    uint64_t Left = Turns;
    const uint64_t Start = Counter.read();
    asm volatile("1:\n\tsubs %0, %0, #1\n\tb.ne 1b" : "+r"(Left) : : "cc");
    Counted = Counter.since(Start);
    constexpr uint64_t Slack = 100;
    if (Counted > 2 * Turns - Slack && Counted < 2 * Turns + Slack)
      return;
  }
  fprintf(stderr, "mte: %" PRIu64 " instructions counted as %" PRIu64 "\n",
          2 * Turns, Counted);
  exit(1);
}

uint64_t minorFaults() {
  rusage Usage;
  getrusage(RUSAGE_SELF, &Usage);
  return static_cast<uint64_t>(Usage.ru_minflt);
}

// In KiB, of the mappings that have a part in the block.
uint64_t residentIn(char *Block, size_t Size) {
  const auto Start = reinterpret_cast<uintptr_t>(untag(Block));
  FILE *Maps = fopen("/proc/self/smaps", "re");
  if (!Maps)
    bench::fail("/proc/self/smaps");
  char Line[512];
  bool Inside = false;
  uint64_t Sum = 0;
  while (fgets(Line, sizeof(Line), Maps)) {
    uintptr_t From, To;
    uint64_t Resident;
    if (sscanf(Line, "%" SCNxPTR "-%" SCNxPTR " ", &From, &To) == 2)
      Inside = From < Start + Size && Start < To;
    else if (Inside && sscanf(Line, "Rss: %" SCNu64, &Resident) == 1)
      Sum += Resident;
  }
  fclose(Maps);
  return Sum;
}

// In KiB, what memory files of the process take: its windows.
uint64_t memoryFiles() {
  DIR *Folder = opendir("/proc/self/fd");
  if (!Folder)
    bench::fail("/proc/self/fd");
  uint64_t Blocks = 0;
  while (const dirent *Entry = readdir(Folder)) {
    char Target[64] = {};
    struct stat Status;
    if (readlinkat(dirfd(Folder), Entry->d_name, Target, sizeof(Target) - 1) >
            0 &&
        strncmp(Target, "/memfd:", 7) == 0 &&
        fstat(atoi(Entry->d_name), &Status) == 0)
      Blocks += static_cast<uint64_t>(Status.st_blocks);
  }
  closedir(Folder);
  return Blocks / 2;
}

// Whether memory has the pointer's tag, everywhere one looks, and that is one.
bool isTagged(char *Block, size_t Size) {
  const uintptr_t Tag = reinterpret_cast<uintptr_t>(Block) >> TagShift;
  if (!Tag)
    return false;
  for (size_t At = 0; At < Size; At += PageSize / 2)
    if (tagBits(Block + At) != Tag)
      return false;
  return true;
}

uint64_t medianOf(uint64_t (&Values)[Uses]) {
  qsort(Values, Uses, sizeof(uint64_t), [](const void *A, const void *B) {
    const uint64_t Left = *static_cast<const uint64_t *>(A);
    const uint64_t Right = *static_cast<const uint64_t *>(B);
    return Left < Right ? -1 : Left > Right ? 1 : 0;
  });
  return Values[Uses / 2];
}

} // namespace

int main(int Argc, char **Argv) {
  if (Argc != 5) {
    fprintf(stderr, "mte METHOD USES_BEFORE SIZE PERCENT\n");
    return 2;
  }
  const Method *By =
      strcmp(Argv[1], "malloc") == 0 ? nullptr : findMethod(Argv[1]);
  // What an allocator may learn from, and time to make its windows.
  const int UsesBefore = static_cast<int>(bench::number(Argv[2]));
  const size_t Size = bench::number(Argv[3]);
  const size_t Percent = bench::number(Argv[4]);

  const InstructionCounter Counter;
  checkCounter(Counter);
  uint64_t Instructions[Uses], Faults[Uses], Resident[Uses];
  bool Tagged = true;
  for (int Use = By ? -1 : -UsesBefore; Use < Uses; ++Use) {
    const uint64_t FaultsBefore = minorFaults();
    const uint64_t Start = Counter.read();
    char *Block = takeBlock(By, Size);
    write(Block, Size, Percent);
    const uint64_t Used = Counter.since(Start);
    if (Use >= 0) {
      Instructions[Use] = Used;
      Faults[Use] = minorFaults() - FaultsBefore;
      Resident[Use] = residentIn(Block, Size);
      Tagged = isTagged(Block, Size) && Tagged;
    }
    giveBack(By, Block, Size);
  }
  printf("instructions=%" PRIu64 "\n", medianOf(Instructions));
  printf("minor_faults=%" PRIu64 "\n", medianOf(Faults));
  printf("resident_kib=%" PRIu64 "\n", medianOf(Resident));
  printf("windows_kib=%" PRIu64 "\n", memoryFiles());
  printf("tagged=%d\n", Tagged);
  return 0;
}
