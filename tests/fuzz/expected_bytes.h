// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each byte of a block has to read as, whatever became of the block.

#ifndef REFPAGE_TESTS_FUZZ_EXPECTED_BYTES_H_
#define REFPAGE_TESTS_FUZZ_EXPECTED_BYTES_H_

#include <stddef.h>
#include <stdint.h>

#include <vector>

namespace refpage_test {

class ExpectedBytes {
public:
  ExpectedBytes() = default;

  size_t size() const { return Parts.empty() ? 0 : Parts.back().End; }

  // Expects [From, To) to read as anything; as the word at each address that is
  // a multiple of 8.
  void expectAny(size_t From, size_t To) { set(From, To, Kind::Any, 0); }
  void expectWord(size_t From, size_t To, uint64_t Word) {
    set(From, To, Kind::Word, Word);
  }

  // Writes [From, To) of the block at Ptr with what no other page of any block
  // has, and expects that.
  void write(char *Ptr, size_t From, size_t To, uint64_t Key);

  // The block has lost its first Size bytes, whole pages, or all behind Size.
  void cutFront(size_t Size);
  void truncate(size_t Size);

  // All of it; or the first and last bytes of each part, and some in a thousand
  // pages, others from call to call. Fails the target with a message that names
  // the block.
  void checkAll(const char *Ptr, const char *Name) const;
  void checkSome(const char *Ptr, const char *Name) const;
  // The same of a whole block, as it pays.
  void check(const char *Ptr, const char *Name) const {
    constexpr size_t Small = 256UL << 10;
    if (size() <= Small)
      checkAll(Ptr, Name);
    else
      checkSome(Ptr, Name);
  }
  // The edges of the parts alone.
  void checkEdges(const char *Ptr, const char *Name) const;

private:
  enum class Kind : uint8_t { Any, Word, Own };
  struct Part {
    size_t End;
    Kind What;
    uint64_t Word;
  };

  void set(size_t From, size_t To, Kind What, uint64_t Word);
  uint64_t ownWord(uint64_t Key, size_t Offset) const;
  void checkRange(const Part &P, const char *Ptr, size_t From, size_t To,
                  const char *Name) const;

  std::vector<Part> Parts; // One after the other, the first from 0 on.
  size_t CutOff = 0;       // Bytes that the block has lost at its front.
};

} // namespace refpage_test

#endif // REFPAGE_TESTS_FUZZ_EXPECTED_BYTES_H_
