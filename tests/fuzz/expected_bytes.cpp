// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/fuzz/expected_bytes.h"

#include "tests/fuzz/input.h"
#include "tests/support/memory.h"

#include <algorithm>
#include <string.h>

namespace refpage_test {
namespace {

constexpr size_t Page = 4096;
constexpr size_t Edge = 64;

} // namespace

void ExpectedBytes::set(size_t From, size_t To, Kind What, uint64_t Word) {
  if (From >= To)
    return;
  std::vector<Part> New;
  const auto Add = [&](size_t End, Kind Of, uint64_t With) {
    if (End > (New.empty() ? 0 : New.back().End))
      New.push_back({End, Of, With});
  };
  for (const Part &P : Parts)
    Add(std::min(P.End, From), P.What, P.Word);
  Add(To, What, Word);
  for (const Part &P : Parts)
    Add(P.End, P.What, P.Word);
  Parts = std::move(New);
}

// Other in each page, so that pages that change places show.
uint64_t ExpectedBytes::ownWord(uint64_t Key, size_t Offset) const {
  return (Key << 32 | (Offset + CutOff) / Page) * 0x9e3779b97f4a7c15 | 1;
}

void ExpectedBytes::write(char *Ptr, size_t From, size_t To, uint64_t Key) {
  set(From, To, Kind::Own, Key);
  for (size_t At = From, End; At < To; At = End) {
    End = std::min(To, At / Page * Page + Page);
    const uint64_t Word = ownWord(Key, At);
    size_t I = At;
    for (; I < End && reinterpret_cast<uintptr_t>(Ptr + I) % sizeof(Word); I++)
      Ptr[I] = static_cast<char>(patternByteAt(Word, Ptr + I));
    for (; I + sizeof(Word) <= End; I += sizeof(Word))
      memcpy(Ptr + I, &Word, sizeof(Word));
    for (; I < End; I++)
      Ptr[I] = static_cast<char>(patternByteAt(Word, Ptr + I));
  }
}

void ExpectedBytes::cutFront(size_t Size) {
  std::vector<Part> New;
  for (const Part &P : Parts)
    if (P.End > Size)
      New.push_back({P.End - Size, P.What, P.Word});
  Parts = std::move(New);
  CutOff += Size;
}

void ExpectedBytes::truncate(size_t Size) {
  while (!Parts.empty() &&
         (Parts.size() == 1 ? Size == 0 : Parts[Parts.size() - 2].End >= Size))
    Parts.pop_back();
  if (!Parts.empty())
    Parts.back().End = std::min(Parts.back().End, Size);
}

void ExpectedBytes::checkRange(const Part &P, const char *Ptr, size_t From,
                               size_t To, const char *Name) const {
  if (P.What == Kind::Any)
    return;
  for (size_t At = From, End; At < To; At = End) {
    End = To;
    uint64_t Word = P.Word;
    if (P.What == Kind::Own) {
      End = std::min(To, At / Page * Page + Page);
      Word = ownWord(P.Word, At);
    }
    const ptrdiff_t Wrong = findNotPattern(Ptr, At, End, Word);
    if (Wrong != -1)
      fail("%s: byte %td of %zu (at %p) is %02x, not %02x: %s", Name, Wrong,
           size(), static_cast<const void *>(Ptr + Wrong),
           static_cast<uint8_t>(Ptr[Wrong]), patternByteAt(Word, Ptr + Wrong),
           P.What == Kind::Own ? "was written" : "was not written");
  }
}

void ExpectedBytes::checkAll(const char *Ptr, const char *Name) const {
  size_t From = 0;
  for (const Part &P : Parts) {
    checkRange(P, Ptr, From, P.End, Name);
    From = P.End;
  }
}

void ExpectedBytes::checkSome(const char *Ptr, const char *Name) const {
  constexpr size_t MaxPages = 1024;
  static size_t Place = 0;
  const size_t Step = (size() / Page / MaxPages + 1) * Page;
  Place += 1009;
  size_t From = 0;
  for (const Part &P : Parts) {
    for (size_t At = From + Place % Step; At + Edge < P.End; At += Step) {
      Place += Edge;
      const size_t Start = At / Page * Page + Place % (Page - Edge);
      checkRange(P, Ptr, std::max(Start, From), std::min(Start + Edge, P.End),
                 Name);
    }
    From = P.End;
  }
  checkEdges(Ptr, Name);
}

void ExpectedBytes::checkEdges(const char *Ptr, const char *Name) const {
  size_t From = 0;
  for (const Part &P : Parts) {
    checkRange(P, Ptr, From, std::min(From + Edge, P.End), Name);
    checkRange(P, Ptr, std::max(From, P.End < Edge ? 0 : P.End - Edge), P.End,
               Name);
    From = P.End;
  }
}

} // namespace refpage_test
