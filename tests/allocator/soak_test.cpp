// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads that do all there is to do with blocks, forks, and what goes wrong in
// the process meanwhile, for a second each or as long as SOAK_SECONDS says in
// all. Every byte that is read is checked.

#include "tests/allocator/hardship.h"
#include "tests/allocator/heap.h"
#include "tests/support/emulator.h"

#include <stdio.h>
#include <thread>
#include <time.h>

using namespace refpage_test;

namespace {

unsigned getNumber(const char *Name, unsigned Default) {
  const char *Text = getenv(Name);
  return Text ? static_cast<unsigned>(strtoul(Text, nullptr, 10)) : Default;
}

// What gets worse meanwhile, in a thread of its own.
using HardshipKind = void (Hardship::*)(double Seconds);

class SoakTest : public testing::Test {
protected:
  static void soak(HardshipKind Kind) {
    constexpr unsigned NumTests = 3;
    constexpr unsigned NumWorkers = 2;
    const double Seconds =
        static_cast<double>(getNumber("SOAK_SECONDS", NumTests)) / NumTests;
    const unsigned Seed = getNumber(
        "SOAK_SEED",
        getenv("SOAK_SECONDS") ? static_cast<unsigned>(time(nullptr)) : 1);
    SoakState State;
    SoakWorker *Workers[NumWorkers];
    std::thread Threads[NumWorkers];
    for (unsigned I = 0; I != NumWorkers; I++) {
      Workers[I] = new SoakWorker(&State, Seed + I);
      Threads[I] = std::thread([=] { Workers[I]->work(Seconds); });
    }
    if (Kind)
      (Hardship(&State, Seed + NumWorkers).*Kind)(Seconds);
    for (unsigned I = 0; I != NumWorkers; I++) {
      Threads[I].join();
      delete Workers[I];
    }
    for (SoakBlock &B : State.Offered)
      free(B.Ptr);
    EXPECT_FALSE(State.Failed) << "SOAK_SEED=" << Seed;
    printf("%.0f s: %zu steps, %zu children, %zu blocks refused\n", Seconds,
           size_t(State.Steps), size_t(State.Children), size_t(State.Refused));
  }
};

TEST_F(SoakTest, ThreadsAndForks) { soak(nullptr); }

TEST_F(SoakTest, DescriptorsAreClosedAndReused) {
  soak(&Hardship::closeDescriptors);
}

TEST_F(SoakTest, DescriptorsMemoryAndMappingsRunOut) {
  soak(&Hardship::runOut);
}

} // namespace
