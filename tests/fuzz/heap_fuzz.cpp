// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls of the malloc family in any order, with what each block has to hold
// known at any time: the pattern or zeros until it is written, then its own.
// System calls fail meanwhile, the program closes the windows' descriptors or
// puts files of its own there, and forks.
//
// The heap is under its prefixed names: libFuzzer and the sanitizers keep their
// own. It lives on from input to input, emptied.

#include "allocator/options.h"
#include "allocator/scudo_refpage_bionic.h"
#include "tests/fuzz/expected_bytes.h"
#include "tests/fuzz/failing_calls.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/lost_descriptors.h"
#include "tests/support/memory.h"

#include <algorithm>
#include <errno.h>
#include <map>
#include <optional>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace refpage_test;

namespace {

constexpr size_t KiB = 1UL << 10;
constexpr size_t MiB = 1UL << 20;
constexpr size_t Page = 4 * KiB;
// From here on all blocks are large, aligned or not; and up to here none.
constexpr size_t SurelyLarge = 128 * KiB;
constexpr size_t MaxBytes = 64 * MiB; // All blocks.
constexpr size_t MaxBlocks = 40;
constexpr size_t MaxSteps = 200;

struct Block {
  char *Ptr = nullptr;
  size_t Size = 0;
  bool IsZeroed = false; // As a whole, by calloc().
  ExpectedBytes Holds;
};

class HeapFuzzer {
public:
  explicit HeapFuzzer(Input &Decisions) : In(Decisions) {}

  void run() {
    for (size_t Step = 0; Step != MaxSteps && !In.isOver(); Step++) {
      step();
      for (Block &B : Blocks)
        B.Holds.checkEdges(B.Ptr, "a block");
    }
    while (!Blocks.empty())
      drop(Blocks.size() - 1);
    restoreSettings();
    const scudo_mallinfo_t Info = scudo_mallinfo();
    if (Info.hblks || Info.ordblks)
      fail("%zu large blocks are left, %zu are kept", Info.hblks, Info.ordblks);
    Descriptors.close();
  }

private:
  enum class Fill { Pattern, Zeros, None };

  void step() {
    const size_t What = In.upTo(31);
    if (Blocks.empty() || What < 8)
      return make();
    const size_t I = In.upTo(Blocks.size() - 1);
    if (What < 13)
      return resize(I);
    if (What < 17)
      return drop(I);
    if (What < 22)
      return write(Blocks[I]);
    switch (What) {
    case 22:
    case 23:
      return ask(Blocks[I]);
    case 24:
    case 25:
      return setOption();
    case 26:
      return iterate();
    case 27:
      return sumUp();
    case 28:
      return Descriptors.lose(In);
    case 29:
      return switchFill();
    case 30:
      return misuse(Blocks[I]);
    default:
      return forkNow();
    }
  }

  static uint64_t getPattern() { return refpage::getOptions().pattern.Value; }

  size_t countBytes() const {
    size_t Sum = 0;
    for (const Block &B : Blocks)
      Sum += B.Size;
    return Sum;
  }

  // Often about sizes at which something changes.
  size_t anySize() {
    constexpr size_t Edges[] = {
        4 * Page,  8 * Page,  32 * KiB,  64 * KiB,     64 * KiB - 16, 128 * KiB,
        256 * KiB, 512 * KiB, 512 * KiB, MiB,          2 * MiB,       2 * MiB,
        4 * MiB,   4 * MiB,   8 * MiB,   2 * MiB + 64, 256 * KiB - 64};
    switch (In.upTo(7)) {
    case 0:
      return In.upTo(63);
    case 1:
      return In.upTo(4095);
    case 2:
      return In.upTo(256 * KiB);
    case 3:
      return In.upTo(6 * MiB);
    case 4: // With the headers up to the end of a page, about.
      return In.pick(Edges) - 256 + In.upTo(512);
    case 5:
      return In.pick(Edges) - 2 * Page + In.upTo(4) * Page + In.upTo(2) - 1;
    default:
      return In.pick(Edges) - 32 + In.upTo(64);
    }
  }

  // More than there is address space.
  size_t hugeSize() {
    constexpr size_t Sizes[] = {SIZE_MAX,     SIZE_MAX - 15,    SIZE_MAX - Page,
                                SIZE_MAX / 2, SIZE_MAX / 2 + 1, 1UL << 63,
                                1UL << 48,    1UL << 47};
    return In.pick(Sizes) - In.upTo(2);
  }

  void expectFill(Block &B, size_t From, size_t To, bool IsZeroed) {
    if (IsZeroed || (CurrentFill == Fill::Zeros && !IsInitOff))
      B.Holds.expectWord(From, To, 0);
    else if (CurrentFill == Fill::None || IsInitOff)
      B.Holds.expectAny(From, To);
    else
      B.Holds.expectWord(From, To, getPattern());
  }

  void expectPatternOrZeros(const char *Ptr, size_t From, size_t To) {
    for (size_t I = From; I != To; I++)
      if (CurrentFill != Fill::None && !IsInitOff && Ptr[I] != 0 &&
          static_cast<uint8_t>(Ptr[I]) != patternByteAt(getPattern(), Ptr + I))
        fail("byte %zu of %zu that realloc added is %02x", I, To,
             static_cast<uint8_t>(Ptr[I]));
  }

  static void expectNone(const void *Ptr, const char *What) {
    if (Ptr || errno != ENOMEM)
      fail("%s: %p, errno %d", What, Ptr, errno);
  }

  void expectFreeRange(const Block &New) {
    for (const Block &B : Blocks)
      if (B.Ptr < New.Ptr + std::max(New.Size, size_t(1)) &&
          New.Ptr < B.Ptr + std::max(B.Size, size_t(1)))
        fail("%p, %zu bytes, overlaps %p, %zu bytes",
             static_cast<void *>(New.Ptr), New.Size, static_cast<void *>(B.Ptr),
             B.Size);
  }

  void expectPlace(const Block &B, size_t Alignment) {
    if (reinterpret_cast<uintptr_t>(B.Ptr) % Alignment)
      fail("%p is not aligned to %zu", static_cast<void *>(B.Ptr), Alignment);
    if (scudo_malloc_usable_size(B.Ptr) != B.Size)
      fail("%zu bytes are %zu", B.Size, scudo_malloc_usable_size(B.Ptr));
    expectFreeRange(B);
  }

  void make() {
    if (Blocks.size() == MaxBlocks)
      return;
    if (In.oneIn(24))
      return makeHuge();
    Block B;
    B.Size = anySize();
    if (countBytes() + B.Size > MaxBytes)
      return;
    size_t Alignment = 16;
    const bool IsLarge = B.Size >= SurelyLarge;
    bool AnyFailed = false;
    const char *Name = "malloc";
    const size_t How = In.upTo(11);
    errno = 0;
    if (How < 5) {
      Failure F(In, IsLarge);
      B.Ptr = static_cast<char *>(scudo_malloc(B.Size));
      AnyFailed = F.any();
    } else if (How < 8) {
      Name = "calloc";
      const size_t Count = 1 + In.upTo(7);
      B.Size = B.Size / Count * Count;
      B.IsZeroed = true;
      Failure F(In, B.Size >= SurelyLarge);
      B.Ptr = static_cast<char *>(scudo_calloc(Count, B.Size / Count));
      AnyFailed = F.any();
    } else {
      Alignment = makeAligned(How, &B, &Name, &AnyFailed);
    }
    const int Error = errno;
    trace("%s(%zu), alignment %zu: %p", Name, B.Size, Alignment,
          static_cast<void *>(B.Ptr));
    if (!B.Ptr) {
      errno = Error;
      expectNone(B.Ptr, Name);
      if (!AnyFailed)
        fail("%s(%zu), alignment %zu: no memory", Name, B.Size, Alignment);
      return;
    }
    if (Error)
      fail("%s sets errno to %d", Name, Error);
    expectPlace(B, Alignment);
    expectFill(B, 0, B.Size, B.IsZeroed);
    B.Holds.check(B.Ptr, Name);
    Blocks.push_back(std::move(B));
  }

  size_t makeAligned(size_t How, Block *B, const char **Name, bool *AnyFailed) {
    const size_t Alignment = 1UL << In.upTo(How == 11 ? 22 : 13);
    const bool IsLarge = B->Size >= SurelyLarge;
    if (How == 8) {
      *Name = "aligned_alloc";
      B->Size = (B->Size + Alignment - 1) / Alignment * Alignment;
      Failure F(In, B->Size >= SurelyLarge);
      B->Ptr = static_cast<char *>(scudo_aligned_alloc(Alignment, B->Size));
      *AnyFailed = F.any();
      return Alignment;
    }
    if (How == 9) {
      *Name = "memalign";
      const size_t Asked =
          Alignment - In.upTo(Alignment / 2 ? Alignment / 2 - 1 : 0);
      Failure F(In, IsLarge);
      B->Ptr = static_cast<char *>(scudo_memalign(Asked, B->Size));
      *AnyFailed = F.any();
      return Alignment;
    }
    if (How == 10 && In.oneIn(2)) {
      *Name = "valloc";
      if (In.oneIn(2)) {
        *Name = "pvalloc";
        B->Size = std::max((B->Size + Page - 1) / Page * Page, Page);
        B->Ptr = static_cast<char *>(scudo_pvalloc(B->Size - In.upTo(4095)));
      } else {
        B->Ptr = static_cast<char *>(scudo_valloc(B->Size));
      }
      return Page;
    }
    *Name = "posix_memalign";
    const size_t Asked = std::max(Alignment, sizeof(void *));
    void *Ptr = nullptr;
    Failure F(In, IsLarge);
    const int Error = scudo_posix_memalign(&Ptr, Asked, B->Size);
    if (Error != (Ptr ? 0 : ENOMEM) || errno)
      fail("posix_memalign: %d, errno %d", Error, errno);
    errno = Error;
    B->Ptr = static_cast<char *>(Ptr);
    *AnyFailed = F.any();
    return Asked;
  }

  void makeHuge() {
    const size_t Size = hugeSize();
    trace("%zu bytes", Size);
    errno = 0;
    expectNone(scudo_malloc(Size), "malloc");
    errno = 0;
    expectNone(scudo_calloc(1, Size), "calloc");
    errno = 0;
    expectNone(scudo_calloc(Size, 16), "calloc");
    errno = 0;
    expectNone(scudo_memalign(64, Size), "memalign");
    void *Ptr = &Ptr;
    if (scudo_posix_memalign(&Ptr, Page, Size) != ENOMEM)
      fail("posix_memalign of %zu bytes", Size);
    errno = 0;
    expectNone(scudo_reallocarray(nullptr, Size, 16), "reallocarray");
    if (!Blocks.empty()) { // It stays as it is.
      errno = 0;
      expectNone(scudo_realloc(Blocks[0].Ptr, Size), "realloc");
    }
  }

  void resize(size_t I) {
    if (In.oneIn(32))
      return resizeToNothing(I);
    Block &B = Blocks[I];
    const size_t Size = std::max(anySize(), size_t(1));
    if (countBytes() + Size > MaxBytes)
      return;
    B.Holds.check(B.Ptr, "a block before realloc");
    const size_t OldSize = B.Size;
    char *Old = B.Ptr;
    const bool IsArray = In.oneIn(3);
    errno = 0;
    char *New;
    bool AnyFailed;
    {
      // Upstream's Primary may die of what fails.
      Failure F(In, Size >= SurelyLarge && OldSize >= SurelyLarge,
                /*Once=*/true);
      New = static_cast<char *>(IsArray ? scudo_reallocarray(Old, 1, Size)
                                        : scudo_realloc(Old, Size));
      AnyFailed = F.any();
    }
    const int Error = errno;
    trace("realloc(%p: %zu, %zu): %p", static_cast<void *>(Old), OldSize, Size,
          static_cast<void *>(New));
    if (!New) {
      errno = Error;
      expectNone(New, "realloc");
      if (!AnyFailed)
        fail("realloc(%zu, %zu): no memory", OldSize, Size);
      return;
    }
    if (Error)
      fail("realloc sets errno to %d", Error);
    Block Resized;
    Resized.Ptr = New;
    Resized.Size = Size;
    Resized.IsZeroed = B.IsZeroed && New == Old;
    Resized.Holds = B.Holds;
    Blocks.erase(Blocks.begin() + static_cast<ptrdiff_t>(I));
    expectPlace(Resized, 16);
    if (Size < OldSize)
      Resized.Holds.truncate(Size);
    // A small block that calloc() made grows in its place by what lies there.
    constexpr size_t LeastFilled = 64 * KiB;
    if (Size > OldSize) {
      if (Resized.IsZeroed && Size < LeastFilled) {
        expectPatternOrZeros(New, OldSize, Size);
        Resized.Holds.expectAny(OldSize, Size);
      } else if (New == Old && IsInitOff) {
        Resized.Holds.expectAny(OldSize, Size);
      } else {
        expectFill(Resized, OldSize, Size, false);
      }
    }
    Resized.Holds.check(New, "a block after realloc");
    Blocks.push_back(std::move(Resized));
  }

  void resizeToNothing(size_t I) {
    trace("realloc(%p, 0)", static_cast<void *>(Blocks[I].Ptr));
    if (scudo_realloc(Blocks[I].Ptr, 0))
      fail("realloc(0) returns a block");
    Blocks.erase(Blocks.begin() + static_cast<ptrdiff_t>(I));
  }

  void drop(size_t I) {
    Block &B = Blocks[I];
    trace("free(%p: %zu)", static_cast<void *>(B.Ptr), B.Size);
    B.Holds.check(B.Ptr, "a block before free");
    errno = EDOM;
    {
      Failure F(In, B.Size >= SurelyLarge);
      scudo_free(B.Ptr);
    }
    if (errno != EDOM)
      fail("free sets errno to %d", errno);
    Blocks.erase(Blocks.begin() + static_cast<ptrdiff_t>(I));
  }

  void write(Block &B) {
    if (!B.Size)
      return;
    constexpr size_t Lengths[] = {1,        8,         100,     Page,
                                  7 * Page, 64 * Page, SIZE_MAX};
    const size_t From = In.oneIn(3) ? 0 : In.upTo(B.Size - 1);
    const size_t To = From + std::min(In.pick(Lengths), B.Size - From);
    trace("write [%zu, %zu) of %p: %zu", From, To, static_cast<void *>(B.Ptr),
          B.Size);
    B.Holds.write(B.Ptr, From, To, ++Key);
  }

  void ask(Block &B) {
    if (scudo_malloc_usable_size(B.Ptr) != B.Size ||
        scudo_malloc_usable_size(nullptr) != 0)
      fail("malloc_usable_size");
    B.Holds.check(B.Ptr, "a block");
  }

  void setOption() {
    struct Setting {
      int Parameter;
      int Value;
    };
    constexpr Setting Settings[] = {{M_DECAY_TIME, 0},
                                    {M_DECAY_TIME, 1},
                                    {M_DECAY_TIME, -1},
                                    {M_PURGE, 0},
                                    {M_PURGE_ALL, 0},
                                    {M_CACHE_COUNT_MAX, 0},
                                    {M_CACHE_COUNT_MAX, 3},
                                    {M_CACHE_COUNT_MAX, 256},
                                    {M_CACHE_SIZE_MAX, 0},
                                    {M_CACHE_SIZE_MAX, 1 << 20},
                                    {M_CACHE_SIZE_MAX, 1 << 29},
                                    {M_CACHE_SIZE_MAX, 1 << 29},
                                    {M_PURGE_ALL, 0},
                                    {M_DECAY_TIME, 1}};
    const Setting &S = In.pick(Settings);
    trace("mallopt(%d, %d)", S.Parameter, S.Value);
    if (scudo_mallopt(S.Parameter, S.Value) != 1)
      fail("mallopt(%d, %d)", S.Parameter, S.Value);
    if (scudo_mallopt(1234, 1) != 0 || scudo_mallopt(M_DECAY_TIME, 7) != 0)
      fail("mallopt takes anything");
  }

  // Once contents were changed a heap goes other ways for good, so that is left
  // to the programs whose pattern makes it go those in any case.
  void switchFill() {
    constexpr uint64_t ScudosOwn = 0xabababababababab;
    if (getPattern() == ScudosOwn)
      return;
    switch (In.upTo(3)) {
    case 0:
      trace("fill with zeros");
      scudo_mallopt(M_BIONIC_ZERO_INIT, 1);
      CurrentFill = Fill::Zeros;
      break;
    case 1:
      trace("no fill");
      scudo_malloc_set_zero_contents(0);
      CurrentFill = Fill::None;
      break;
    case 2:
      trace("no fill by this thread");
      scudo_mallopt(M_THREAD_DISABLE_MEM_INIT, 1);
      IsInitOff = true;
      break;
    default:
      restoreFill();
    }
  }

  void restoreFill() {
    if (CurrentFill != Fill::Pattern || IsInitOff) {
      trace("fill with the pattern");
      scudo_malloc_set_pattern_fill_contents(1);
      scudo_mallopt(M_THREAD_DISABLE_MEM_INIT, 0);
      CurrentFill = Fill::Pattern;
      IsInitOff = false;
    }
  }

  void restoreSettings() {
    restoreFill();
    scudo_mallopt(M_CACHE_COUNT_MAX, 32);
    scudo_mallopt(M_CACHE_SIZE_MAX, 1 << 29);
    scudo_mallopt(M_DECAY_TIME, 1);
    scudo_mallopt(M_PURGE_ALL, 0);
  }

  // Each block in the range, once, and no other.
  void iterate() {
    const size_t Left = In.upTo(Blocks.size());
    uintptr_t From = 0, To = UINTPTR_MAX / 2;
    if (Left < Blocks.size()) {
      // A block's header is in front of it, in the same page or the one before.
      From = reinterpret_cast<uintptr_t>(Blocks[Left].Ptr) - 64;
      To = From + 64 * Page;
    }
    trace("iterate over [%zx, %zx)", From, To);
    static std::map<uintptr_t, size_t> Seen;
    Seen.clear();
    scudo_malloc_disable();
    scudo_malloc_iterate(
        From, To - From,
        [](uintptr_t Base, size_t Size, void *) {
          if (!Seen.emplace(Base, Size).second)
            fail("%zx comes twice", Base);
        },
        nullptr);
    scudo_malloc_enable();
    const bool IsAll = From == 0;
    for (const Block &B : Blocks) {
      const auto Found = Seen.find(reinterpret_cast<uintptr_t>(B.Ptr));
      if (Found != Seen.end()) {
        if (Found->second != B.Size)
          fail("iterate: %zu bytes are %zu", B.Size, Found->second);
        Seen.erase(Found);
      } else if (IsAll) {
        fail("iterate leaves out %p: %zu", static_cast<void *>(B.Ptr), B.Size);
      }
    }
    if (!Seen.empty())
      fail("iterate finds %zu blocks that nobody has", Seen.size());
  }

  void sumUp() {
    trace("mallinfo, malloc_info");
    const scudo_mallinfo_t Info = scudo_mallinfo();
    if (Info.uordblks < countBytes())
      fail("in use are %zu bytes, %zu were asked for", Info.uordblks,
           countBytes());
    if (Info.hblkhd < Info.uordblks && Info.hblkhd < Info.arena)
      fail("the heap has %zu bytes, %zu in use", Info.hblkhd, Info.uordblks);
    char *Text = nullptr;
    size_t Length = 0;
    FILE *Stream = open_memstream(&Text, &Length);
    if (scudo_malloc_info(0, Stream) != 0)
      fail("malloc_info: errno %d", errno);
    fclose(Stream);
    std::map<size_t, size_t> Counts;
    for (const Block &B : Blocks)
      Counts[B.Size]++;
    for (const auto &[Size, Count] : Counts) {
      const std::string Line = "<alloc size=\"" + std::to_string(Size) +
                               "\" count=\"" + std::to_string(Count) + "\"/>";
      if (!strstr(Text, Line.c_str()))
        fail("malloc_info has no %s:\n%s", Line.c_str(), Text);
    }
    free(Text);
  }

  static void misuse(const Block &B) {
    trace("what is not allowed");
    void *Ptr = B.Ptr;
    if (scudo_posix_memalign(&Ptr, 24, 1) != EINVAL ||
        scudo_posix_memalign(&Ptr, 4, 1) != EINVAL || Ptr != B.Ptr)
      fail("posix_memalign takes any alignment");
    errno = 0;
    if (scudo_aligned_alloc(48, 48) || errno != EINVAL)
      fail("aligned_alloc takes any alignment");
    errno = 0;
    if (scudo_malloc_info(1, nullptr) != -1 || errno != EINVAL)
      fail("malloc_info takes any option");
    scudo_free(nullptr);
  }

  // A child goes on with all of it.
  void forkNow() {
    if (Forks++ != 0 || !In.oneIn(2))
      return;
    trace("fork");
    const pid_t Pid = fork();
    if (Pid == -1)
      return;
    if (Pid == 0) {
      signal(SIGALRM, SIG_DFL); // libFuzzer's.
      alarm(60);
      make();
      for (int I = 0; I != 3 && !Blocks.empty(); I++) {
        drop(0);
        if (!Blocks.empty())
          resize(0);
      }
      iterate();
      _exit(0);
    }
    int Status = 0;
    pid_t Ended;
    while ((Ended = waitpid(Pid, &Status, 0)) == -1 && errno == EINTR)
      ;
    if (Ended != Pid || Status)
      fail("a child ends with status %x", Status);
  }

  // Calls fail for large blocks: small ones are upstream's, and may die of it.
  class Failure {
  public:
    Failure(Input &In, bool IsLarge, bool Once = false) {
      if (IsLarge)
        Calls.emplace(In, Once);
    }
    bool any() const { return Calls && Calls->anyFailed(); }

  private:
    std::optional<FailingCalls> Calls;
  };

  Input &In;
  std::vector<Block> Blocks;
  LostDescriptors Descriptors;
  uint64_t Key = 0;
  Fill CurrentFill = Fill::Pattern;
  bool IsInitOff = false;
  size_t Forks = 0;
};

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  setenv("REFPAGE_OPTIONS", FUZZ_OPTIONS, 1);
  scudo_free(scudo_malloc(1)); // What the heap makes once is made.
  scudo_mallopt(M_CACHE_SIZE_MAX, 1 << 29);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size) {
  Input In(Data, Size);
  HeapFuzzer(In).run();
  return 0;
}
