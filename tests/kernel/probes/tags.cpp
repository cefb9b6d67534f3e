// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory tags of reference pages.

#include "tests/kernel/tags.h"
#include "tests/kernel/block.h"
#include "tests/kernel/rows.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

namespace refpage_test {
namespace {

constexpr size_t NumPages = 4;

// Of the granule at an offset in the page, if each shall have another.
unsigned tagAt(size_t Offset) {
  const size_t Granule = Offset / TagGranule;
  return (Granule * 7 + Granule / 16) % 16;
}
constexpr unsigned OneTag = 6;

void needTags() {
  if (!hasTags())
    endProbe(unknown("the processor or the kernel has no tags"));
}

// A page of memory with tags, in which contents and tags are put together.
uint8_t *makeContent(const Source &From, bool IsOneTag) {
  uint8_t *Page =
      Source(Way::Anonymous).map(-1, pageSize(), ReadWrite | TaggedProtection);
  if (!Page)
    giveUp("mmap with tags");
  memcpy(Page, contentsOf(From), pageSize());
  for (size_t I = 0; I != pageSize(); I += TagGranule)
    storeTag(Page + I, IsOneTag ? OneTag : tagAt(I));
  return Page;
}

int create(const Source &From, const uint8_t *Content, size_t Size) {
  const int Fd = From.create(Content, Size, true);
  if (Fd < 0) {
    errno = -Fd;
    giveUp("create with tags");
  }
  return Fd;
}

// As a program does it: the module's mappings get the protection afterwards.
uint8_t *map(const Source &From, int Fd, int Prot = ReadWrite) {
  uint8_t *Base = From.map(Fd, NumPages * pageSize(), Prot);
  if (!Base || mprotect(Base, NumPages * pageSize(), Prot | TaggedProtection))
    giveUp("mmap, mprotect with tags");
  return Base;
}

uint8_t *makeTagged(const Source &From, bool IsOneTag = false) {
  needTags();
  return map(From, create(From, makeContent(From, IsOneTag), pageSize()));
}

void expectTags(const uint8_t *Page, const char *What) {
  for (size_t I = 0; I != pageSize(); I += TagGranule)
    if (loadTag(Page + I) != tagAt(I))
      endProbe(no(std::string(What) + ": granule " +
                  std::to_string(I / TagGranule) + " has tag " +
                  std::to_string(loadTag(Page + I)) + ", not " +
                  std::to_string(tagAt(I))));
}

void expectBytes(const Source &From, const uint8_t *Page) {
  if (memcmp(Page, contentsOf(From), pageSize()) != 0)
    endProbe(no("other bytes"));
}

} // namespace

Answer taggedContent(const Source &From) {
  needTags();
  const int Fd = From.create(makeContent(From, true), pageSize(), true);
  return Fd < 0 ? ofErrno(-Fd) : yes();
}

Answer mapTagged(const Source &From) {
  needTags();
  const Block B(From, 1);
  return ofErrno(
      From.map(B.fd(), pageSize(), ReadWrite | TaggedProtection) ? 0 : errno);
}

Answer protectTagged(const Source &From) {
  needTags();
  const Block B(From, 1);
  return ofResult(mprotect(B.base(), pageSize(), ReadWrite | TaggedProtection));
}

Answer tagsOfCleanPage(const Source &From) {
  const uint8_t *Base = makeTagged(From);
  for (size_t I = 0; I != NumPages; I++) {
    expectTags(Base + I * pageSize(), "clean page");
    expectBytes(From, Base + I * pageSize());
  }
  return yes();
}

Answer tagsOfSmallContent(const Source &From) {
  needTags();
  uint8_t *Content = makeContent(From, true);
  const uint8_t *Base = map(From, create(From, Content, TagGranule));
  for (size_t I = 0; I != NumPages * pageSize(); I += TagGranule) {
    if (loadTag(Base + I) != OneTag)
      return no("tag " + std::to_string(loadTag(Base + I)));
    if (memcmp(Base + I, contentsOf(From), TagGranule) != 0)
      return no("other bytes");
  }
  return yes();
}

Answer tagsAfterStore(const Source &From) {
  uint8_t *Base = makeTagged(From);
  static_cast<void>(*static_cast<volatile uint8_t *>(Base)); // Read before.
  for (size_t I = 0; I != NumPages; I++) {
    uint8_t *Page = Base + I * pageSize();
    *static_cast<volatile uint8_t *>(Page) = 1;
    expectTags(Page, "written page");
    if (*Page != 1 ||
        memcmp(Page + 1, contentsOf(From) + 1, pageSize() - 1) != 0)
      return no("other bytes");
  }
  return yes();
}

Answer tagsAfterDontNeed(const Source &From) {
  uint8_t *Base = makeTagged(From);
  for (size_t I = 0; I != pageSize(); I += TagGranule)
    storeTag(Base + I, 3);
  *Base = 1;
  if (madvise(Base, NumPages * pageSize(), MADV_DONTNEED) != 0)
    return ofResult(-1, "madvise");
  expectTags(Base, "page");
  expectBytes(From, Base);
  return yes();
}

Answer tagsAfterFork(const Source &From) {
  uint8_t *Base = makeTagged(From);
  *Base = contentsOf(From)[0];
  expectTags(Base + pageSize(), "read page");
  const int Result = runInProcess([&] {
    for (size_t I = 0; I != NumPages; I++)
      for (size_t J = 0; J != pageSize(); J += TagGranule)
        if (loadTag(Base + I * pageSize() + J) != tagAt(J))
          return false;
    storeTag(Base, 9);
    storeTag(Base + pageSize(), 9);
    return loadTag(Base) == 9 && loadTag(Base + pageSize()) == 9;
  });
  expectTags(Base, "the parent's written page");
  expectTags(Base + pageSize(), "the parent's read page");
  return yesIf(Result == 0, "the child saw something else");
}

Answer tagsAfterMove(const Source &From) {
  uint8_t *Base = makeTagged(From);
  *Base = contentsOf(From)[0];
  expectTags(Base + pageSize(), "read page");
  const size_t Bytes = NumPages * pageSize();
  uint8_t *To = Source(Way::Anonymous).map(-1, Bytes, PROT_NONE);
  if (mremap(Base, Bytes, Bytes, MREMAP_MAYMOVE | MREMAP_FIXED, To) ==
      MAP_FAILED)
    return ofResult(-1, "mremap");
  for (size_t I = 0; I != NumPages; I++)
    expectTags(To + I * pageSize(), "moved page");
  return yes();
}

Answer tagStoreCopies(const Source &From) {
  needTags();
  const int Fd = create(From, makeContent(From, false), pageSize());
  uint8_t *Base = map(From, Fd);
  const uint8_t *Other = map(From, Fd);
  expectTags(Other, "another mapping before");
  storeTag(Base, tagAt(0) ^ 1);
  storeTag(Base + pageSize(), tagAt(0) ^ 1);
  if (loadTag(Base) != (tagAt(0) ^ 1))
    return no("the tag is not stored");
  for (size_t I = 0; I != NumPages; I++)
    expectTags(Other + I * pageSize(), "another mapping");
  expectBytes(From, Base);
  return yes();
}

namespace {

// Two pages of one tag, the first clean, the second written; from then on tags
// are checked.
uint8_t *makeChecked(const Source &From) {
  uint8_t *Base = makeTagged(From, true);
  Base[pageSize()] = contentsOf(From)[0];
  if (!checkTags())
    giveUp("prctl");
  return Base;
}

Answer accessWithTag(uint8_t *Page, unsigned Tag) {
  constexpr int WrongTag = 9; // SEGV_MTESERR
  const int Read = tryRead(withTag(Page, Tag));
  if (Read && getSignalCode() != WrongTag)
    return ofSignal(Read, "si_code " + std::to_string(getSignalCode()));
  const int Write = tryWrite(withTag(Page + TagGranule, Tag), 1);
  return Read == Write ? ofSignal(Read) : no("loads and stores differ");
}

} // namespace

Answer wrongTagOnCleanPage(const Source &From) {
  return accessWithTag(makeChecked(From), OneTag ^ 1);
}
Answer wrongTagOnCopy(const Source &From) {
  return accessWithTag(makeChecked(From) + pageSize(), OneTag ^ 1);
}
Answer rightTagWorks(const Source &From) {
  uint8_t *Base = makeChecked(From);
  const Answer OfClean = accessWithTag(Base, OneTag);
  return OfClean.Value == "yes" ? accessWithTag(Base + pageSize(), OneTag)
                                : OfClean;
}

} // namespace refpage_test
