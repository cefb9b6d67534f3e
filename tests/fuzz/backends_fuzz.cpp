// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Blocks of the backends in any order of being made, written, cut, moved,
// lengthened, discarded and used again, while system calls fail and the program
// closes the windows' descriptors or puts files of its own there. What they
// hold is known at any time, and nothing is left in the end.

#include "platform/mapping.h"
#include "refpage_backend/backends.h"
#include "tests/fuzz/expected_bytes.h"
#include "tests/fuzz/failing_calls.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/lost_descriptors.h"
#include "tests/support/memory.h"

#include <algorithm>
#include <memory>
#include <vector>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr Page = 4096;
constexpr uptr MiB = 1UL << 20;
constexpr uptr MaxBytes = 160 * MiB; // All blocks.
constexpr uptr MaxBlocks = 12;
constexpr uptr MaxSteps = 100;

constexpr Contents AllContents[] = {{0xabababababababab, 0},
                                    {0x0123456789abcdef, 0},
                                    {0xff00000000000000, 0},
                                    {0, 0}};

struct Block {
  uptr Base = 0;
  uptr Size = 0;
  Backing Backed;
  ExpectedBytes Holds;

  char *ptr() const { return reinterpret_cast<char *>(Base); }
};

class BackendsFuzzer {
public:
  explicit BackendsFuzzer(Input &Decisions) : In(Decisions) {
    constexpr BackendRequest Requests[] = {
        BackendRequest::Auto, BackendRequest::Memfd, BackendRequest::Memset};
    const BackendRequest Request = In.pick(Requests);
    const uptr MaxWindow = (64UL << 10) << In.upTo(10);
    trace("request %d, windows up to %zu", int(Request), MaxWindow);
    Subject->init(Request, MaxWindow);
  }

  void run() {
    for (uptr Step = 0; Step != MaxSteps && !In.isOver(); Step++) {
      step();
      for (Block &B : Blocks)
        B.Holds.checkEdges(B.ptr(), "a block");
      checkCounts();
    }
    while (!Blocks.empty())
      drop(Blocks.size() - 1);
    checkCounts();
    Subject->close();
    Descriptors.close();
    if (!listWindowDescriptors().empty())
      fail("a window's descriptor is left open");
  }

private:
  void step() {
    const size_t What = In.upTo(15);
    if (Blocks.empty() || What < 3)
      return make();
    const uptr I = In.upTo(Blocks.size() - 1);
    switch (What) {
    case 3:
      return drop(I);
    case 4:
    case 5:
    case 6:
      return write(Blocks[I]);
    case 7:
      return split(I);
    case 8:
    case 9:
      return move(Blocks[I]);
    case 10:
    case 11:
      return restore(Blocks[I]);
    case 12:
      return discard(Blocks[I]);
    case 13:
      return Descriptors.lose(In);
    case 14:
      return askAbout(Blocks[I]);
    default:
      trace("disable, enable");
      Subject->disable();
      Subject->enable();
    }
  }

  uptr countBytes() const {
    uptr Sum = 0;
    for (const Block &B : Blocks)
      Sum += B.Size;
    return Sum;
  }

  // Whole pages, often about sizes at which something changes.
  uptr anySize() {
    constexpr uptr KiB = 1024;
    constexpr uptr Sizes[] = {16 * KiB,  64 * KiB,  128 * KiB, 256 * KiB,
                              256 * KiB, 512 * KiB, 512 * KiB, MiB,
                              MiB,       2 * MiB,   2 * MiB,   4 * MiB,
                              4 * MiB,   8 * MiB,   32 * MiB,  64 * MiB};
    const uptr Size = In.pick(Sizes) + In.upTo(6) * Page;
    return Size - std::min(Size / 2 / Page, uptr(3)) * Page;
  }
  uptr anyFront(uptr Size) {
    return In.oneIn(3) ? In.upTo(Size / Page) * Page : 0;
  }

  void make() {
    Block B;
    B.Size = anySize();
    if (Blocks.size() == MaxBlocks || countBytes() + B.Size > MaxBytes)
      return;
    const Contents &Holds = In.pick(AllContents);
    const uptr Front = anyFront(B.Size);
    trace("make %zu, holds %016lx, front %zu", B.Size, Holds.Pattern, Front);
    if (reserveMemory(B.Size, &B.Base) != 0)
      fail("no address space");
    int Error;
    {
      FailingCalls Calls(In, /*Once=*/false);
      Error = Subject->commit(B.Base, B.Size, Holds, Front, &B.Backed);
      if (Error && !Calls.anyFailed())
        fail("commit: %d", Error);
    }
    if (Error) {
      unmapMemory(B.Base, B.Size);
      return;
    }
    if (!(B.Backed.Holds == Holds))
      fail("has other contents than it was made with");
    B.Holds.expectWord(0, B.Size, Holds.Pattern);
    B.Holds.check(B.ptr(), "a new block");
    Blocks.push_back(std::move(B));
  }

  void drop(uptr I) {
    trace("drop %zu", I);
    Block &B = Blocks[I];
    B.Holds.check(B.ptr(), "a block at its end");
    Subject->forget(B.Size, B.Backed);
    unmapMemory(B.Base, B.Size);
    std::swap(Blocks[I], Blocks.back());
    Blocks.pop_back();
  }

  void write(Block &B) {
    const uptr From = In.upTo(B.Size / Page - 1) * Page + In.upTo(63) * 64;
    constexpr uptr Lengths[] = {1,        8,         100, Page,
                                5 * Page, 40 * Page, MiB, ~0UL};
    const uptr Length = In.pick(Lengths);
    const uptr To = Length > B.Size - From ? B.Size : From + Length;
    trace("write [%zu, %zu) of %zu", From, To, B.Size);
    B.Holds.write(B.ptr(), From, To, ++Key);
  }

  // A gap of up to three pages is lost.
  void split(uptr I) {
    if (Blocks.size() == MaxBlocks || Blocks[I].Size < 8 * Page)
      return;
    Block &B = Blocks[I];
    const uptr Gap = In.upTo(3) * Page;
    const uptr FrontSize = (1 + In.upTo((B.Size - Gap) / Page - 2)) * Page;
    const uptr Cut = FrontSize + Gap;
    trace("split %zu of %zu at %zu, gap %zu", I, B.Size, FrontSize, Gap);
    Block Front = B;
    Front.Size = FrontSize;
    Subject->split(B.Size, FrontSize, Gap, &B.Backed, &Front.Backed);
    if (Gap)
      unmapMemory(B.Base + FrontSize, Gap);
    Front.Holds.truncate(FrontSize);
    B.Holds.cutFront(Cut);
    B.Base += Cut;
    B.Size -= Cut;
    Front.Holds.check(Front.ptr(), "the front of a block");
    B.Holds.check(B.ptr(), "the rest of a block");
    Blocks.push_back(std::move(Front));
  }

  // As realloc() does it: the block's first Cut bytes stay behind; its first
  // page that is kept becomes a page of the new head.
  void move(Block &B) {
    const uptr Cut = In.upTo(4) * Page;
    const uptr NewSize = anySize();
    if (B.Size < Cut + 4 * Page || NewSize < 4 * Page ||
        countBytes() + NewSize > MaxBytes)
      return;
    const uptr MoveSize = std::min(B.Size - Cut, NewSize) - Page;
    const uptr Added = NewSize - Page - MoveSize;
    const uptr Front = anyFront(NewSize);
    trace("move %zu, cut %zu, to %zu, front %zu", B.Size, Cut, NewSize, Front);
    Block New;
    New.Size = NewSize;
    if (reserveMemory(NewSize, &New.Base) != 0 ||
        commitReserved(New.Base, Page) != 0)
      fail("no memory");
    const Contents Wanted = B.Backed.Holds;
    const Backing Planned =
        Backends::planMove(B.Backed, Cut + Page, Page, MoveSize);
    New.Backed = Planned;
    const uptr From = B.Base + Cut + Page;
    {
      FailingCalls Calls(In, /*Once=*/true);
      if (Added && Subject->extend(New.Base, NewSize - Added, Added, Wanted,
                                   Front, &New.Backed) != 0) {
        unmapMemory(New.Base, NewSize);
        return;
      }
      memcpy(New.ptr(), B.ptr() + Cut, Page);
      if (Subject->move(From, New.Base + Page, MoveSize,
                        B.Backed.withoutFront(Cut + Page), &New.Backed, Page,
                        NewSize) != 0)
        fail("a block is lost on the way");
    }
    Subject->finishMove(B.Size, &B.Backed, NewSize - Added, Planned);
    unmapMemory(B.Base, Cut + Page);
    const uptr Left = B.Size - Cut - Page - MoveSize;
    if (Left)
      unmapMemory(From + MoveSize, Left);
    New.Holds = B.Holds;
    New.Holds.cutFront(Cut);
    New.Holds.truncate(NewSize - Added);
    New.Holds.expectWord(NewSize - Added, NewSize, Wanted.Pattern);
    New.Holds.check(New.ptr(), "a moved block");
    B = std::move(New);
  }

  // Its first bytes, which nobody will see, are not put back.
  void restore(Block &B) {
    const Contents &Wanted = In.pick(AllContents);
    const uptr Front = anyFront(B.Size);
    if (!Subject->canHold(B.Backed, B.Size, Wanted, Front))
      return;
    const uptr Unused = In.upTo(std::min(B.Size / Page - 1, 3UL)) * Page;
    const bool IsDiscarded = In.oneIn(4) && Subject->discard(B.Base, B.Size);
    trace("restore %zu to %016lx, unused %zu, front %zu%s", B.Size,
          Wanted.Pattern, Unused, Front, IsDiscarded ? ", discarded" : "");
    Restored R;
    {
      FailingCalls Calls(In, /*Once=*/false);
      R = Subject->restore(B.Base, B.Size, Unused, Wanted, Front, IsDiscarded,
                           &B.Backed);
    }
    if (R.Front > R.Filled || R.Filled > B.Size)
      fail("restored %zu of %zu, %zu at the front", R.Filled, B.Size, R.Front);
    B.Holds.expectAny(0, Unused);
    B.Holds.expectWord(Unused, B.Size, Wanted.Pattern);
    B.Holds.check(B.ptr(), "a restored block");
  }

  // Filled memory is zero then, views are clean.
  void discard(Block &B) {
    trace("discard %zu", B.Size);
    {
      FailingCalls Calls(In, /*Once=*/false);
      if (!Subject->discard(B.Base, B.Size))
        return;
    }
    const uptr Filled = B.Backed.hasWindow() ? B.Backed.FilledBytes : B.Size;
    // Of several mappings some are views.
    if (B.Backed.FilledMappings > 1)
      B.Holds.expectAny(0, Filled);
    else
      B.Holds.expectWord(0, Filled, 0);
    B.Holds.expectWord(Filled, B.Size, B.Backed.Holds.Pattern);
    B.Holds.check(B.ptr(), "a discarded block");
  }

  void askAbout(Block &B) {
    const uptr Front = anyFront(B.Size);
    trace("ask about %zu", B.Size);
    Subject->isOutgrown(B.Backed, B.Size, Front, static_cast<u32>(In.upTo(64)));
    const uptr Entries = Subject->countEntries(B.Base, B.Size, B.Backed);
    if (Entries > B.Size / Page)
      fail("%zu entries for %zu pages", Entries, B.Size / Page);
    for (const auto &Run : {B.Base, B.Base + B.Size - Page})
      Subject->isWritten(Run);
  }

  void checkCounts() {
    BackendStats Stats;
    Subject->getStats(&Stats);
    uptr Mappings = 0, Live = 0;
    for (const Block &B : Blocks) {
      Mappings += B.Backed.countExtraMappings(B.Size);
      Live += B.Backed.hasWindow() ? B.Size : 0;
    }
    if (Stats.ExtraMappings != Mappings || Stats.Windows.LiveBytes != Live)
      fail("counts %zu mappings and %zu bytes; there are %zu and %zu",
           Stats.ExtraMappings, Stats.Windows.LiveBytes, Mappings, Live);
  }

  Input &In;
  const std::unique_ptr<Backends> Subject = std::make_unique<Backends>();
  std::vector<Block> Blocks;
  LostDescriptors Descriptors;
  u64 Key = 0;
};

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) { return 0; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size) {
  Input In(Data, Size);
  BackendsFuzzer(In).run();
  return 0;
}
