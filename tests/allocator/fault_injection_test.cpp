// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 4: on each way through the allocator each system call that is made
// there fails, once at the n-th call or from the n-th call on; and several fail
// at random. A block comes out that is as it should be, or NULL with ENOMEM,
// and nothing is leaked: mappings, descriptors and memory are as after the same
// way without a failure.
//
// Which calls a way makes is found out by going it. FAULT_POSITIONS says how
// many of the n of a call are tried (1 or 2, the first and the last one; from 3
// on each both once and from there on), FAULT_ROUNDS how many random rounds
// there are of each way (as many), FAULT_SEED which ones.

#include "tests/allocator/fault_injector.h"
#include "tests/allocator/fault_paths.h"
#include "tests/allocator/heap.h"
#include "tests/support/call_names.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"

#include <algorithm>
#include <errno.h>
#include <fcntl.h>
#include <map>
#include <set>
#include <stdio.h>
#include <string>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

using namespace refpage_test;

namespace {

constexpr unsigned MaxSeconds = 120;

unsigned getNumber(const char *Name, unsigned Default) {
  const char *Text = getenv(Name);
  return Text ? static_cast<unsigned>(strtoul(Text, nullptr, 10)) : Default;
}

// What the process has.
struct Possessions {
  size_t Maps;
  size_t Descriptors;
  size_t VirtualBytes;
  size_t ResidentBytes;
};

Possessions look() {
  return {countMaps(), listDescriptors().size(), getVirtualBytes(),
          getResidentBytes()};
}

// What a child tells its parent.
struct Report {
  Possessions Left;
  int Calls[NumCallKinds];
  int Failures[NumCallKinds];
};

Report *shareReport() {
  static void *Shared = mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return static_cast<Report *>(Shared);
}

// Goes a way with a fault and once more without, in a process whose heap is new
// to it, which then looks at what there is.
void goWith(const FaultPath &Path, const Fault &Wanted, Report *Out) {
  look(); // This takes small blocks too.
  Path.Prepare();
  PathChecks Checks;
  startFaults(Wanted);
  Path.Live(&Checks);
  stopFaults();
  for (int I = 0; I != NumCallKinds; I++) {
    Out->Calls[I] = getCalls(static_cast<CallKind>(I));
    Out->Failures[I] = getFailures(static_cast<CallKind>(I));
  }
  // A hole that could not be reserved is somebody else's.
  if (getFailures(CallKind::MmapHole) == 0) {
    EXPECT_EQ(getStrayUnmaps(), 0);
  }
  if (Checks.Wrong) {
    ADD_FAILURE() << Checks.Wrong;
  }
  if (getFailures() == 0) {
    EXPECT_EQ(Checks.Refused, 0);
  }
  malloc_trim(0);
  PathChecks After;
  Path.Live(&After);
  if (After.Wrong) {
    ADD_FAILURE() << "afterwards: " << After.Wrong;
  }
  EXPECT_EQ(After.Refused, 0) << "afterwards";
  malloc_trim(0);
  Out->Left = look();
}

// The same in a child.
Report goInChild(const FaultPath &Path, const Fault &Wanted) {
  Report *Shared = shareReport();
  *Shared = Report();
  runInChild(MaxSeconds, [&] { goWith(Path, Wanted, Shared); });
  return *Shared;
}

size_t getFailuresOf(const Report &R, CallKind Kind) {
  return static_cast<size_t>(R.Failures[static_cast<int>(Kind)]);
}

void expectNothingLost(const Report &R, const Report &Clean) {
  // Where it cannot be told whose a descriptor is it is left open, and its
  // copy: they may be the program's.
  const size_t Unknown = 2 * getFailuresOf(R, CallKind::Fstat) +
                         getFailuresOf(R, CallKind::FcntlGetFlags) +
                         getFailuresOf(R, CallKind::FcntlGetSeals) +
                         getFailuresOf(R, CallKind::Readlink);
  // Of windows and of the pagemap, which the other way may not have come to;
  // with tags there is a window for each, of the pattern and of zeros.
  const size_t Own =
      1 + (refpage::areBlocksTagged()
               ? 2 * (refpage::NumTags - static_cast<size_t>(__builtin_popcount(
                                             refpage::ReservedTags)))
               : 1);
  EXPECT_LE(R.Left.Descriptors, Clean.Left.Descriptors + Own + Unknown);
  // What cannot be unmapped stays, without its memory, unless that cannot be
  // taken from it either.
  const bool Stays = getFailuresOf(R, CallKind::Munmap) != 0;
  if (!Stays || !getFailuresOf(R, CallKind::MadviseDontneed)) {
    EXPECT_LE(R.Left.ResidentBytes, Clean.Left.ResidentBytes + 4 * MiB);
  }
  if (Stays)
    return;
  // Small blocks of other sizes have mappings of their own, which stay.
  const size_t OfSmall = getFailuresOf(R, CallKind::MmapAnonymousOver) ? 40 : 0;
  EXPECT_LE(R.Left.Maps, Clean.Left.Maps + 4 + OfSmall);
  EXPECT_LE(R.Left.VirtualBytes, Clean.Left.VirtualBytes + 2 * MiB);
}

// Those that are tried again until they work: once is enough.
bool isTransient(const CallKindInfo &Info, int Error) {
  return Error == EINTR ||
         (Error == EAGAIN && !strcmp(Info.Documented, "madvise"));
}

// More where all calls are made that a stock kernel has, and where the machine
// is hardly emulated.
unsigned getDefaultPositions() {
#if defined(__x86_64__)
  if (refpage::getOptions().variant == refpage::Variant::Refpage &&
      refpage::getOptions().backend == refpage::BackendRequest::Auto)
    return 2;
#endif
  return 1;
}

// Of 1 to Count; the first and the last one always.
std::set<int> choosePositions(int Count, unsigned Most) {
  std::set<int> Chosen = {1};
  for (unsigned I = 1; I < Most; I++)
    Chosen.insert(1 + (Count - 1) * static_cast<int>(I) /
                          static_cast<int>(Most - 1));
  return Chosen;
}

std::string describe(const FaultPath &Path, const Fault &F) {
  return std::string(Path.Name) + ": " + getInfo(F.Kind).Name + " number " +
         std::to_string(F.Nth) + (F.Once ? " " : " and all after it ") +
         describeError(F.Error);
}

class FaultInjectionTest : public testing::TestWithParam<FaultPath> {
protected:
  // Whether the failure of a kind of call is upstream's to answer.
  static bool isSpared(CallKind Kind) {
    return Kind == GetParam().FatalToUpstream;
  }
};

TEST_P(FaultInjectionTest, EachCallOfEachKind) {
  const FaultPath &Path = GetParam();
  const Report Clean = goInChild(Path, Fault());
  ASSERT_FALSE(HasFailure()) << "without a fault";
  const unsigned MostPositions =
      getNumber("FAULT_POSITIONS", getDefaultPositions());
  const bool IsThorough = MostPositions > 2;
  for (int K = 0; K != NumCallKinds; K++) {
    const auto Kind = static_cast<CallKind>(K);
    const CallKindInfo &Info = getInfo(Kind);
    if (Clean.Calls[K] == 0 || isSpared(Kind))
      continue;
    size_t Turn = 0;
    size_t NumErrors = 0;
    while (NumErrors != std::size(Info.Errors) && Info.Errors[NumErrors])
      NumErrors++;
    const auto Try = [&](int Nth, int Error, bool Once) {
      if (HasFailure() || (!Once && isTransient(Info, Error)))
        return;
      Fault F;
      F.Kind = Kind;
      F.Error = Error;
      F.Nth = Nth;
      F.Once = Once;
      SCOPED_TRACE(describe(Path, F));
      // How many there are differs a little from time to time: with memory tags
      // by the tags, which are drawn, and have windows each.
      const int Most = refpage::areBlocksTagged() ? 10 : 1;
      bool IsMade = false;
      for (int Round = 0; Round != Most && !IsMade && !HasFailure(); Round++) {
        const Report R = goInChild(Path, F);
        if (HasFailure())
          return; // Children inherit it.
        IsMade = getFailuresOf(R, Kind) != 0 || Nth != 1;
        expectNothingLost(R, Clean);
      }
      EXPECT_TRUE(IsMade) << "it was not made again";
    };
    // Each error at the first call; then they take turns.
    for (size_t I = 0; I != NumErrors; I++) {
      Try(1, Info.Errors[I], I % 2 == 0);
      if (NumErrors == 1 || IsThorough)
        Try(1, Info.Errors[I], I % 2 != 0);
    }
    for (int Nth : choosePositions(Clean.Calls[K], MostPositions)) {
      if (Nth == 1)
        continue;
      Try(Nth, Info.Errors[Turn % NumErrors], Turn % 2 != 0);
      if (IsThorough)
        Try(Nth, Info.Errors[Turn % NumErrors], Turn % 2 == 0);
      Turn++;
    }
    printf("%s, %s: %d calls\n", Path.Name, Info.Name, Clean.Calls[K]);
  }
}

uint64_t bitOf(CallKind Kind) { return uint64_t(1) << static_cast<int>(Kind); }

TEST_P(FaultInjectionTest, SeveralAtRandom) {
  const FaultPath &Path = GetParam();
  const Report Clean = goInChild(Path, Fault());
  const unsigned Seed = getNumber(
      "FAULT_SEED",
      getenv("FAULT_ROUNDS") ? static_cast<unsigned>(time(nullptr)) : 1);
  const unsigned Rounds = getNumber("FAULT_ROUNDS", getDefaultPositions());
  for (unsigned Round = 0; Round != Rounds && !HasFailure(); Round++) {
    Fault F;
    F.OneIn = 1U << (1 + (Seed + Round) % 6);
    F.Seed = Seed + Round;
    F.Spared = bitOf(Path.FatalToUpstream);
    // A block that is half moved, and there is no memory for the other half: a
    // fatal report, as docs/design.md says. So one or the other.
    F.Spared |= F.Seed % 2
                    ? bitOf(CallKind::MremapMove) | bitOf(CallKind::MremapAsk)
                    : bitOf(CallKind::MprotectCommit) |
                          bitOf(CallKind::MmapAnonymousOver) |
                          bitOf(CallKind::MmapHole);
    SCOPED_TRACE(std::string(Path.Name) + ": one call in " +
                 std::to_string(F.OneIn) +
                 ", FAULT_ROUNDS=1 FAULT_SEED=" + std::to_string(F.Seed));
    expectNothingLost(goInChild(Path, F), Clean);
  }
}

std::string nameOf(const testing::TestParamInfo<FaultPath> &Info) {
  return Info.param.Name;
}

INSTANTIATE_TEST_SUITE_P(Paths, FaultInjectionTest,
                         testing::ValuesIn(getFaultPaths()), nameOf);

// --- which calls are covered -------------------------------------------------

#if defined(__x86_64__)
bool always() { return true; }
bool hasNoTags() { return !refpage::areBlocksTagged(); }
bool makesNoWindows() { return !usesWindows(); }
bool makesNoMemoryFiles() {
  return !usesWindows() ||
         refpage::getOptions().backend == refpage::BackendRequest::Device ||
         refpage::getOptions().backend == refpage::BackendRequest::Syscall;
}
bool isNotBySyscall() {
  return refpage::getOptions().backend != refpage::BackendRequest::Syscall;
}
bool isNotByDevice() {
  return refpage::getOptions().backend != refpage::BackendRequest::Device;
}
bool isNotByKernel() { return isNotBySyscall() && isNotByDevice(); }

// Documented calls that need not be among those that fail here.
struct Excuse {
  const char *Call;
  bool (*Holds)();
  const char *Why;
};
constexpr Excuse Excuses[] = {
    {"futex", always, "upstream's; its errors are a reason to look again"},
    {"gettid", always, "cannot fail"},
    {"getpid", always, "cannot fail"},
    {"clock_gettime", always, "made without the kernel"},
    {"sched_getaffinity", always, "upstream's, at the start; any answer does"},
    {"getrandom", always, "at the start: SandboxDeathTest.NoRandomNumbers"},
    {"rt_sigprocmask", always, "of abort()"},
    {"tgkill", hasNoTags, "of abort()"},
    {"prctl", hasNoTags, "of memory tags, and statistics of crashes"},
    {"memfd_create", makesNoMemoryFiles, "no memory files here"},
    {"ftruncate", makesNoMemoryFiles, "no memory files here"},
    {"pwritev", makesNoMemoryFiles, "no memory files here"},
    {"fcntl", makesNoWindows, "no windows here"},
    {"fstat", makesNoWindows, "no windows here"},
    {"prlimit64", makesNoWindows, "no windows here"},
    {"pread64", always, "where PAGEMAP_SCAN is not known"},
    {"newfstatat", isNotByDevice, "of the device: the suites of that backend"},
    {"fstatfs", isNotByKernel, "of sysfs: the suites of those backends"},
    {"readlink", isNotByKernel, "of what the kernel makes: the same"},
};
#endif

TEST(FaultCoverageTest, AllDocumentedCalls) {
  const std::vector<FaultPath> Paths = getFaultPaths();
  std::map<std::string, int> Covered; // By documented name: pairs.
  printf("%-20s", "");
  for (size_t P = 0; P != Paths.size(); P++)
    printf(" %3zu", P + 1);
  printf("\n");
  std::vector<Report> Reports;
  Reports.reserve(Paths.size());
  for (const FaultPath &Path : Paths)
    Reports.push_back(goInChild(Path, Fault()));
  int Pairs = 0;
  for (int K = 0; K != NumCallKinds; K++) {
    const CallKindInfo &Info = getInfo(static_cast<CallKind>(K));
    printf("%-20s", Info.Name);
    for (const Report &R : Reports) {
      if (R.Calls[K])
        printf(" %3d", R.Calls[K]);
      else
        printf("   .");
      Covered[Info.Documented] += R.Calls[K] != 0;
      Pairs += R.Calls[K] != 0;
    }
    printf("\n");
  }
  for (size_t P = 0; P != Paths.size(); P++)
    printf("%3zu %s\n", P + 1, Paths[P].Name);
  printf("%d pairs of a way and a call\n", Pairs);
#if defined(__x86_64__) // Of which the table is.
  for (const AllowedCall &Call : readDocumentedCalls()) {
    const std::string Name = getCallName(Call.Number);
    bool Excused = false;
    for (const Excuse &E : Excuses)
      Excused |= Name == E.Call && E.Holds();
    EXPECT_TRUE(Covered[Name] || Excused) << Name;
  }
#endif
}

// --- memory tags, pressure, seals --------------------------------------------

// Memory that cannot be mapped with tags all of a sudden: as some kernels do
// with some files, and as filters may forbid it.
class RefusedTagsTest
    : public testing::TestWithParam<std::tuple<CallKind, int, bool>> {};

TEST_P(RefusedTagsTest, BlocksAreRightAndNothingIsLost) {
  if (!refpage::areBlocksTagged())
    GTEST_SKIP() << "no memory tags in this process";
  const std::set<std::string> Names = {"fresh",         "aligned", "reused",
                                       "reused_zeroed", "grown",   "in_child"};
  for (const FaultPath &Path : getFaultPaths()) {
    if (HasFailure())
      break;
    if (!Names.count(Path.Name))
      continue;
    const Report Clean = goInChild(Path, Fault());
    Fault F;
    std::tie(F.Kind, F.Error, F.Once) = GetParam();
    F.OnlyTags = true;
    // Upstream's Primary, whose memory has tags too, is prepared for a shortage
    // alone; to ours these two are the same.
    if (F.Kind == CallKind::MmapAnonymousOver && F.Error == EINVAL)
      F.Error = EAGAIN;
    SCOPED_TRACE(describe(Path, F));
    expectNothingLost(goInChild(Path, F), Clean);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTagsTest,
    testing::Combine(testing::Values(CallKind::MmapWindow,
                                     CallKind::MmapAnonymousOver,
                                     CallKind::MprotectCommit),
                     testing::Values(EINVAL, ENOMEM), testing::Bool()));

// Under memory pressure what is kept goes, and what is asked for is had.
class PressureTest : public testing::TestWithParam<CallKind> {};

TEST_P(PressureTest, WhatIsKeptMakesRoom) {
  if (GetParam() == CallKind::MprotectCommit && refpage::areBlocksTagged() &&
      usesWindows())
    GTEST_SKIP() << "zeros with a tag are mapped from a window, and committed "
                    "by nothing else";
  malloc_trim(0);
  const size_t Before = getResidentBytes();
  void *Kept = malloc(40 * MiB);
  ASSERT_NE(Kept, nullptr);
  memset(Kept, 1, 40 * MiB);
  free(Kept);
  // Of windows with a tag the address space is kept.
  if (!(refpage::areBlocksTagged() && usesWindows())) {
    ASSERT_GT(getResidentBytes(), Before + 35 * MiB);
  }
  Fault F;
  F.Kind = GetParam();
  F.Error = ENOMEM;
  F.Once = true;
  startFaults(F);
  // Too small to be a part of what is kept.
  void *Ptr = calloc(1, 300 * KiB);
  stopFaults();
  EXPECT_EQ(getFailures(), 1);
  EXPECT_NE(Ptr, nullptr);
  EXPECT_LT(getResidentBytes(), Before + 10 * MiB);
  free(Ptr);
}

INSTANTIATE_TEST_SUITE_P(All, PressureTest,
                         testing::Values(CallKind::MmapReserve,
                                         CallKind::MprotectCommit));

// A file that could not be sealed is never a window.
TEST(FaultInjectionSealTest, WithoutSealsNoWindow) {
  Fault F;
  F.Kind = CallKind::FcntlAddSeals;
  F.Error = EPERM;
  startFaults(F);
  void *Ptr = malloc(4 * MiB);
  stopFaults();
  ASSERT_NE(Ptr, nullptr);
  if (nameOfMapping(placeOf(Ptr) + MiB) == "anon_inode:[refpage]") {
    free(Ptr);
    GTEST_SKIP() << "files of the kernel's own need no seals";
  }
  if (usesWindows()) {
    EXPECT_GT(getFailures(), 0);
  }
  for (const MapLine &Line : readMaps())
    EXPECT_EQ(Line.Name.find("scudo:refpage"), std::string::npos);
  EXPECT_TRUE(listWindowDescriptors().empty());
  expectPattern(Ptr, 0, 4 * MiB);
  free(Ptr);
}

} // namespace
