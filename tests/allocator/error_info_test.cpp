// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What reports of crashes say about large blocks: from a fault as the kernel
// tells it, by way of the entry points that a debugger uses.

#include "allocator/allocation_records.h"
#include "allocator/tagging.h"

#include "tests/allocator/heap.h"

#include "scudo/interface.h"

#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

extern "C" void malloc_set_track_allocation_stacks(int Track);

namespace {

using refpage::AllocationRecords;
using refpage::TagGranule;
using refpage::tagOf;
using refpage::untag;
using refpage::withTag;

constexpr size_t KiB = 1 << 10;
constexpr size_t MiB = 1 << 20;

uint32_t threadId() { return static_cast<uint32_t>(syscall(SYS_gettid)); }

uintptr_t addressOf(const volatile void *Ptr) {
  return reinterpret_cast<uintptr_t>(Ptr);
}

// A block, and where the call returns to that made it.
struct Made {
  char *Ptr;
  size_t Size;
  uintptr_t Site;
  uint32_t Tid;

  uintptr_t address() const { return untag(addressOf(Ptr)); }
};

volatile int Sink = 0;

// Functions that are found in traces: not inlined, and still there when what
// they call returns.
template <typename F>
__attribute__((noinline)) Made makeBy(size_t Size, F Make) {
  Made M = {
      static_cast<char *>(Make(Size)), Size,
      addressOf(__builtin_extract_return_addr(__builtin_return_address(0))),
      threadId()};
  Sink = Sink + 1;
  return M;
}
__attribute__((noinline)) Made make(size_t Size) {
  Made M = makeBy(Size, [](size_t N) { return malloc(N); });
  Sink = Sink + 1;
  return M;
}
__attribute__((noinline)) uintptr_t release(const Made &M) {
  free(M.Ptr);
  Sink = Sink + 1;
  return addressOf(__builtin_extract_return_addr(__builtin_return_address(0)));
}

sigjmp_buf BeforeAccess;
volatile bool IsExpected;
volatile uintptr_t FaultAddress;

void onFault(int Signal, siginfo_t *Info, void *) {
  if (!IsExpected) {
    signal(Signal, SIG_DFL); // Comes again, and ends the test.
    return;
  }
  IsExpected = false;
  FaultAddress = addressOf(Info->si_addr);
  siglongjmp(BeforeAccess, 1);
}

class ErrorInfoTest : public testing::Test {
protected:
  static constexpr int ExposeTagBits = 0x800; // SA_EXPOSE_TAGBITS, Linux 5.11

  void SetUp() override {
    if (!refpage::areBlocksTagged())
      GTEST_SKIP() << "the heap has no memory tags";
    ASSERT_EQ(refpage::setTagChecks(refpage::TagChecks::Sync), 0);
    struct sigaction Action = {};
    Action.sa_sigaction = onFault;
    Action.sa_flags = SA_SIGINFO | SA_NODEFER | ExposeTagBits;
    sigaction(SIGSEGV, &Action, &OldAction);
    malloc_set_track_allocation_stacks(1);
    clearRecords();
    IsSet = true;
    malloc_trim(0);
  }
  void TearDown() override {
    if (!IsSet)
      return;
    malloc_set_track_allocation_stacks(0);
    sigaction(SIGSEGV, &OldAction, nullptr);
  }

  static AllocationRecords getRecords() {
    return {__scudo_get_ring_buffer_addr(), __scudo_get_ring_buffer_size()};
  }
  // Blocks of other tests that lay here before may have had any tag.
  static void clearRecords() {
    const AllocationRecords Records = getRecords();
    for (uintptr_t Age = 1; Age <= Records.count(); Age++)
      scudo::atomic_store_relaxed(
          &const_cast<AllocationRecords::Record *>(Records.get(Age))->Ptr, 0);
  }

  // What is said about the fault of an access at Address.
  static scudo_error_info accessAt(uintptr_t Address, bool WithMemory = false) {
    FaultAddress = 0;
    if (sigsetjmp(BeforeAccess, 1) == 0) {
      IsExpected = true;
      *reinterpret_cast<volatile char *>(Address) = 1;
      IsExpected = false;
      ADD_FAILURE() << "no fault";
      return {};
    }
    // The tag check is of granules, the address that of the byte.
    EXPECT_EQ(FaultAddress, Address);
    return ask(FaultAddress, WithMemory);
  }
  static scudo_error_info accessAt(const char *Ptr, bool WithMemory = false) {
    return accessAt(addressOf(Ptr), WithMemory);
  }

  static scudo_error_info ask(uintptr_t Fault, bool WithMemory = false) {
    // Of small blocks the memory around the fault tells.
    std::vector<char> Memory;
    std::vector<char> Tags;
    const uintptr_t Page = scudo::getPageSizeCached();
    const uintptr_t Base = untag(Fault) & ~(Page - 1);
    if (WithMemory) {
      refpage::ScopedUncheckedAccess Unchecked;
      Memory.resize(Page);
      memcpy(Memory.data(), reinterpret_cast<char *>(Base), Page);
      for (uintptr_t At = Base; At != Base + Page; At += TagGranule)
        Tags.push_back(static_cast<char>(refpage::loadTag(At)));
    }
    scudo_error_info Info;
    __scudo_get_error_info(
        &Info, Fault, __scudo_get_stack_depot_addr(),
        __scudo_get_stack_depot_size(), __scudo_get_region_info_addr(),
        __scudo_get_ring_buffer_addr(), __scudo_get_ring_buffer_size(),
        Memory.data(), Tags.data(), Base, Memory.size());
    return Info;
  }

  static bool has(const uintptr_t (&Trace)[64], uintptr_t Address) {
    return std::find(std::begin(Trace), std::end(Trace), Address) !=
           std::end(Trace);
  }

  static void expectReport(const scudo_error_report &R, scudo_error_type Type,
                           const Made &Block) {
    EXPECT_EQ(R.error_type, Type);
    EXPECT_EQ(R.allocation_address, Block.address());
    EXPECT_EQ(R.allocation_size, Block.Size);
    EXPECT_EQ(R.allocation_tid, Block.Tid);
    EXPECT_TRUE(has(R.allocation_trace, Block.Site));
  }
  // By one thread, at Site.
  static void expectRelease(const scudo_error_report &R, uint32_t Tid,
                            uintptr_t Site) {
    EXPECT_EQ(R.deallocation_tid, Tid);
    EXPECT_TRUE(has(R.deallocation_trace, Site));
  }
  static void expectNoRelease(const scudo_error_report &R) {
    EXPECT_EQ(R.deallocation_tid, 0U);
    EXPECT_EQ(R.deallocation_trace[0], 0U);
  }
  static void expectNoMore(const scudo_error_info &Info, size_t After) {
    for (size_t I = After; I != 3; I++) {
      EXPECT_EQ(Info.reports[I].error_type, UNKNOWN);
      EXPECT_EQ(Info.reports[I].allocation_address, 0U);
    }
  }

private:
  struct sigaction OldAction = {};
  bool IsSet = false;
};

TEST_F(ErrorInfoTest, TheRecordsAreWhereWeLook) {
  const Made M = make(MiB);
  const AllocationRecords Records = getRecords();
  ASSERT_EQ(Records.count(), 32768U); // allocation_ring_buffer_size
  const AllocationRecords::Record *R = Records.get(1);
  EXPECT_EQ(scudo::atomic_load_relaxed(&R->Ptr), addressOf(M.Ptr));
  EXPECT_EQ(scudo::atomic_load_relaxed(&R->Size), M.Size);
  EXPECT_EQ(scudo::atomic_load_relaxed(&R->AllocationTid), M.Tid);
  EXPECT_EQ(scudo::atomic_load_relaxed(&R->DeallocationTid), 0U);
  free(M.Ptr);
  R = Records.get(1);
  EXPECT_EQ(scudo::atomic_load_relaxed(&R->Ptr), addressOf(M.Ptr));
  EXPECT_EQ(scudo::atomic_load_relaxed(&R->DeallocationTid), threadId());
}

TEST_F(ErrorInfoTest, Overflow) {
  for (size_t Size : {300 * KiB, 4 * MiB, 300 * KiB + 1}) {
    const Made M = make(Size);
    const size_t End = (Size + TagGranule - 1) & ~(TagGranule - 1);
    for (size_t Beyond : {0UL, 1UL, 100UL, 4000UL}) {
      const scudo_error_info Info = accessAt(M.Ptr + End + Beyond);
      expectReport(Info.reports[0], BUFFER_OVERFLOW, M);
      expectNoRelease(Info.reports[0]);
      expectNoMore(Info, 1);
    }
    free(M.Ptr);
  }
}

TEST_F(ErrorInfoTest, OverflowOfAnAlignedBlock) {
  const Made M =
      makeBy(300 * KiB + 10, [](size_t N) { return memalign(64 * KiB, N); });
  ASSERT_NE(M.Ptr, nullptr);
  // The last page may be one that is not its own before it is written.
  memset(M.Ptr, 1, M.Size);
  const scudo_error_info Info = accessAt(M.Ptr + ((M.Size + 4095) & ~4095UL));
  EXPECT_EQ(Info.reports[0].error_type, BUFFER_OVERFLOW);
  EXPECT_EQ(Info.reports[0].allocation_address, M.address());
  free(M.Ptr);
}

TEST_F(ErrorInfoTest, Underflow) {
  const Made M = make(MiB);
  for (size_t Before : {1UL, 16UL, 17UL, 100UL, 4000UL}) {
    const scudo_error_info Info = accessAt(M.Ptr - Before);
    expectReport(Info.reports[0], BUFFER_UNDERFLOW, M);
    expectNoRelease(Info.reports[0]);
    expectNoMore(Info, 1);
  }
  free(M.Ptr);
}

TEST_F(ErrorInfoTest, UseAfterFree) {
  for (size_t Size : {300 * KiB, 4 * MiB}) {
    const Made M = make(Size);
    uintptr_t Site = 0;
    uint32_t Tid = 0;
    std::thread([&] {
      Site = release(M);
      Tid = threadId();
    }).join();
    for (size_t At : {0UL, Size / 2, Size - 1}) {
      const scudo_error_info Info = accessAt(M.Ptr + At);
      expectReport(Info.reports[0], USE_AFTER_FREE, M);
      expectRelease(Info.reports[0], Tid, Site);
      expectNoMore(Info, 1);
    }
  }
}

TEST_F(ErrorInfoTest, UseAfterFreeWhenTheAddressIsUsedAgain) {
  for (int Try = 0; Try != 50; Try++) {
    const Made Old = make(512 * KiB);
    const uintptr_t Site = release(Old);
    Made New;
    std::thread([&] { New = make(512 * KiB); }).join();
    free(New.Ptr);
    if (New.address() != Old.address())
      continue;
    const Made Newest = make(512 * KiB);
    const scudo_error_info Info = accessAt(Old.Ptr + 1000);
    free(Newest.Ptr);
    if (Newest.address() != Old.address())
      continue;
    expectReport(Info.reports[0], USE_AFTER_FREE, Old);
    expectRelease(Info.reports[0], threadId(), Site);
    expectNoMore(Info, 1);
    return;
  }
  ADD_FAILURE() << "no address was used again";
}

TEST_F(ErrorInfoTest, AfterRealloc) {
  for (size_t Size : {150 * KiB, 512 * KiB}) { // Copied, and moved.
    const Made Old = make(Size);
    memset(Old.Ptr, 1, Old.Size);
    const Made New =
        makeBy(4 * MiB, [&](size_t N) { return realloc(Old.Ptr, N); });
    ASSERT_NE(New.address(), Old.address());
    scudo_error_info Info = accessAt(Old.Ptr + 1000);
    expectReport(Info.reports[0], USE_AFTER_FREE, Old);
    EXPECT_EQ(Info.reports[0].deallocation_tid, threadId());
    EXPECT_TRUE(has(Info.reports[0].deallocation_trace, New.Site));
    expectNoMore(Info, 1);
    Info = accessAt(New.Ptr + New.Size);
    expectReport(Info.reports[0], BUFFER_OVERFLOW, New);
    expectNoMore(Info, 1);
    free(New.Ptr);
  }
}

TEST_F(ErrorInfoTest, AfterReallocInPlace) {
  const Made Old = make(512 * KiB);
  memset(Old.Ptr, 1, Old.Size);
  const Made New =
      makeBy(512 * KiB - 1024, [&](size_t N) { return realloc(Old.Ptr, N); });
  ASSERT_EQ(New.Ptr, Old.Ptr);
  // What was cut off may have the tag still where blocks are not filled.
  const scudo_error_info Info = accessAt(New.Ptr + Old.Size);
  expectReport(Info.reports[0], BUFFER_OVERFLOW, New);
  expectNoMore(Info, 1);
  free(New.Ptr);
}

// Whose is the memory, if not the pointer?
TEST_F(ErrorInfoTest, AWrongTag) {
  const Made M = make(MiB);
  // Not that of the headers either.
  const uint8_t Tag = tagOf(addressOf(M.Ptr));
  const uint8_t WrongTag = Tag < 8 ? 14 : 7;
  for (size_t At : {0UL, 1000UL, MiB - 1}) {
    const scudo_error_info Info = accessAt(withTag(M.address() + At, WrongTag));
    expectReport(Info.reports[0], UNKNOWN, M);
    expectNoRelease(Info.reports[0]);
    expectNoMore(Info, 1);
  }
  // Out of bounds it is no overflow of this block.
  expectNoMore(accessAt(withTag(M.address() + MiB, WrongTag)), 0);
  expectNoMore(accessAt(withTag(M.address() - 16, WrongTag)), 0);
  const uintptr_t Site = release(M);
  const scudo_error_info Info = accessAt(withTag(M.address() + 5, WrongTag));
  expectReport(Info.reports[0], UNKNOWN, M);
  expectRelease(Info.reports[0], threadId(), Site);
  expectNoMore(Info, 1);
}

TEST_F(ErrorInfoTest, AFaultThatIsNoneOfTheTags) {
  const Made M = make(MiB);
  const scudo_error_info Info = ask(addressOf(M.Ptr + 1000));
  expectReport(Info.reports[0], UNKNOWN, M);
  expectNoMore(Info, 1);
  free(M.Ptr);
}

TEST_F(ErrorInfoTest, MisuseOfSmallBlocksIsReportedAsUpstreamDoes) {
  // All that upstream looks at for it has to be in the page of the fault.
  Made M = make(100);
  while (M.address() % 4096 < 512 || M.address() % 4096 > 3072)
    M = make(100);
  // A neighbour may have the same tag, and come first.
  const auto Find = [&](const scudo_error_info &Info, scudo_error_type Type) {
    for (const scudo_error_report &R : Info.reports)
      if (R.error_type == Type && R.allocation_address == M.address())
        return R;
    return Info.reports[0];
  };
  expectReport(Find(accessAt(M.Ptr + 112, true), BUFFER_OVERFLOW),
               BUFFER_OVERFLOW, M);
  const uintptr_t Site = release(M);
  const scudo_error_report R = Find(accessAt(M.Ptr, true), USE_AFTER_FREE);
  expectReport(R, USE_AFTER_FREE, M);
  expectRelease(R, threadId(), Site);
}

TEST_F(ErrorInfoTest, MayHaveNothingToGoBy) {
  const Made M = make(MiB);
  const uintptr_t Fault = addressOf(M.Ptr + MiB);
  scudo_error_info Info;
  memset(&Info, 1, sizeof(Info));
  __scudo_get_error_info(&Info, Fault, nullptr, 0,
                         __scudo_get_region_info_addr(), nullptr, 0, nullptr,
                         nullptr, 0, 0);
  expectNoMore(Info, 0);
  for (size_t Size : {0UL, 1UL, 63UL, 64UL, 65UL}) {
    __scudo_get_error_info(
        &Info, Fault, __scudo_get_stack_depot_addr(),
        __scudo_get_stack_depot_size(), __scudo_get_region_info_addr(),
        __scudo_get_ring_buffer_addr(), Size, nullptr, nullptr, 0, 0);
    expectNoMore(Info, 0);
  }
  free(M.Ptr);
}

// The buffers come from a process that has gone wrong.
TEST_F(ErrorInfoTest, BuffersMayHoldAnything) {
  const Made M = make(MiB);
  const uintptr_t Fault = addressOf(M.Ptr + MiB);
  const auto *Ring =
      reinterpret_cast<const uint64_t *>(__scudo_get_ring_buffer_addr());
  constexpr size_t Words = 2048;
  std::mt19937_64 Random{1};
  for (int I = 0; I != 2000; I++) {
    std::vector<uint64_t> Copy(Ring, Ring + Words);
    for (int J = 0; J != 100; J++)
      Copy[Random() % Copy.size()] =
          Random() % 2 ? Random() : Fault + Random() % 8192 - 4096;
    scudo_error_info Info;
    __scudo_get_error_info(
        &Info, Random() % 2 ? Fault : Random(), __scudo_get_stack_depot_addr(),
        __scudo_get_stack_depot_size(), __scudo_get_region_info_addr(),
        reinterpret_cast<char *>(Copy.data()), Random() % (8 * Words + 1),
        nullptr, nullptr, 0, 0);
    for (const scudo_error_report &R : Info.reports)
      EXPECT_LE(R.error_type, BUFFER_UNDERFLOW);
  }
  free(M.Ptr);
}

TEST_F(ErrorInfoTest, WithoutTrackingNothingIsRecorded) {
  const Made Last = make(MiB);
  malloc_set_track_allocation_stacks(0);
  free(make(2 * MiB).Ptr);
  const AllocationRecords Records = getRecords();
  EXPECT_EQ(scudo::atomic_load_relaxed(&Records.get(1)->Ptr),
            addressOf(Last.Ptr));
  free(Last.Ptr);
}

} // namespace
