// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an allocator that decides by itself loses against one that was told: one
// use of a block, malloc, writes, free, next to the same use by each fixed
// method, in turns. Prints the median time of each as NAME=VALUE lines.

#include "arguments.h"
#include "cost.h"
#include "pages.h"
#include "regret_methods.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

// What the allocator may learn from. The methods have nothing to learn.
constexpr size_t UsesBefore = 10;
constexpr size_t MaxRounds = 25;
constexpr size_t MinRounds = 3;
// Together with what is written, enough for the clock and for small blocks.
constexpr size_t BytesARound = 8 << 20;
constexpr size_t MaxUsesARound = 32;

class Allocator final : public bench::Method {
public:
  explicit Allocator(bool Fresh) : Fresh(Fresh) {}
  const char *name() const override { return "allocator"; }
  char *get(size_t Size) override {
    char *Block = static_cast<char *>(malloc(Size));
    if (!Block)
      bench::fail("malloc");
    return Block;
  }
  void put(char *Block, size_t) override { free(Block); }
  void afterwards() override {
    if (Fresh)
      malloc_trim(0);
  }

private:
  const bool Fresh;
};

// An allocator that gave other contents would be cheap: the last byte is not
// written in most cases.
void checkPattern(const char *Block, size_t Size) {
  if (static_cast<unsigned char>(Block[Size - 1]) != bench::PatternByte) {
    fprintf(stderr, "regret: a block does not read as the pattern\n");
    exit(1);
  }
}

bench::Pages ThePages;

double use(bench::Method &By, size_t Size, bench::Random &Draw) {
  const double Start = bench::nowNs();
  char *Block = By.get(Size);
  ThePages.write(Block, Draw);
  By.put(Block, Size);
  const double Used = bench::nowNs() - Start;
  By.afterwards();
  return Used;
}

double medianOf(double *Values, size_t Count) {
  qsort(Values, Count, sizeof(double), [](const void *A, const void *B) {
    const double Left = *static_cast<const double *>(A);
    const double Right = *static_cast<const double *>(B);
    return Left < Right ? -1 : Left > Right ? 1 : 0;
  });
  return Values[Count / 2];
}

} // namespace

int main(int Argc, char **Argv) {
  const bool Scattered = Argc > 4 && strcmp(Argv[4], "scattered") == 0;
  const bool Fresh = Argc > 3 && strcmp(Argv[3], "fresh") == 0;
  if (Argc < 4 || Argc > 6 || (!Fresh && strcmp(Argv[3], "reused") != 0) ||
      (Argc > 4 && !Scattered && strcmp(Argv[4], "front") != 0)) {
    fprintf(stderr, "usage: regret SIZE SHARE fresh|reused [front|scattered] "
                    "[LIMIT_MS=1000]\n"
                    "SHARE is `page` for one page, or percent.\n");
    return 2;
  }
  const size_t Size = bench::number(Argv[1]);
  const double LimitNs =
      static_cast<double>(bench::numberOr(Argc, Argv, 5, 1000)) * 1e6;
  ThePages.choose(Size, bench::pagesOfShare(Argv[2], Size), Scattered);

  Allocator Ours(Fresh);
  constexpr size_t MaxCompared = 16;
  bench::Method *Compared[MaxCompared] = {&Ours};
  const bench::Methods Fixed =
      Fresh ? bench::freshMethods(Size) : bench::reusingMethods(Size);
  const size_t Count = Fixed.Count + 1;
  for (size_t I = 1; I < Count; ++I)
    Compared[I] = Fixed.List[I - 1];

  for (size_t I = 0; I < Count; ++I) {
    bench::Random Draw(0);
    for (size_t Use = 0; Use < UsesBefore; ++Use)
      use(*Compared[I], Size, Draw);
    char *Block = Compared[I]->get(Size);
    checkPattern(Block, Size);
    Compared[I]->put(Block, Size);
    Compared[I]->afterwards();
  }

  const size_t Fitting = BytesARound / Size;
  const size_t Uses = Fitting > MaxUsesARound ? MaxUsesARound
                      : Fitting               ? Fitting
                                              : 1;
  static double Times[MaxCompared][MaxRounds];
  const double End = bench::nowNs() + LimitNs;
  size_t Rounds = 0;
  while (Rounds < MaxRounds && (Rounds < MinRounds || bench::nowNs() < End)) {
    for (size_t I = 0; I < Count; ++I) {
      // Another one begins in each round. All write the same pages.
      const size_t Turn = (I + Rounds) % Count;
      bench::Random Draw(Rounds + 1);
      // The first use finds the caches full of another's data.
      use(*Compared[Turn], Size, Draw);
      double Sum = 0;
      for (size_t Use = 0; Use < Uses; ++Use)
        Sum += use(*Compared[Turn], Size, Draw);
      Times[Turn][Rounds] = Sum / static_cast<double>(Uses);
    }
    ++Rounds;
  }
  for (size_t I = 0; I < Count; ++I)
    printf("use_us %s=%.4f\n", Compared[I]->name(),
           medianOf(Times[I], Rounds) / 1e3);
  return 0;
}
