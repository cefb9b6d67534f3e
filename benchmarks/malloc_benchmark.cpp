// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One malloc, some writing, one free, over sizes and shares of the pages
// written. It is linked against nothing special: the allocator under test comes
// by LD_PRELOAD.

#include <benchmark/benchmark.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace {

enum Written : int64_t { OnePage = 0, Quarter = 25, All = 100 };

void mallocFree(benchmark::State &State) {
  const size_t Size = static_cast<size_t>(State.range(0));
  const int64_t Share = State.range(1);
  const size_t PageSize = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  // A quarter of the pages is every fourth, as sparse use is rarely a prefix.
  const size_t Step = Share == Quarter ? 4 * PageSize : PageSize;
  for (auto _ : State) {
    char *Block = static_cast<char *>(malloc(Size));
    if (!Block) {
      State.SkipWithError("malloc failed");
      break;
    }
    if (Share == All)
      memset(Block, 1, Size);
    else
      for (size_t At = 0; At < (Share == OnePage ? 1 : Size); At += Step)
        memset(Block + At, 1, PageSize < Size - At ? PageSize : Size - At);
    benchmark::DoNotOptimize(Block);
    benchmark::ClobberMemory();
    free(Block);
  }
}

void sizesAndShares(benchmark::internal::Benchmark *B) {
  B->ArgNames({"bytes", "written"});
  for (const int64_t Size : {16, 256, 4096})
    B->Args({Size, All});
  for (int64_t Size = 64 << 10; Size <= 64 << 20; Size *= 4)
    for (const int64_t Share : {OnePage, Quarter, All})
      B->Args({Size, Share});
}

BENCHMARK(mallocFree)->Apply(sizesAndShares);

} // namespace

BENCHMARK_MAIN();
