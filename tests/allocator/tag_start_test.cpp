// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a heap starts with memory tags, or without where they are not wanted or
// do not work, and what the statistics say about that. Each test runs in a
// process of its own, which is started with options and with calls that are
// refused: the linker sends the calls of the allocator here (--wrap).

#include "tests/allocator/heap.h"

#include "platform/memory_tag.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace refpage_test;
using refpage::hasMemoryTags;
using refpage::mayHaveMemoryTags;
using refpage::tagOf;

namespace {

constexpr char RefusedVariable[] = "REFPAGE_TEST_REFUSES";
constexpr int ProtMte = 0x20;
constexpr int SetTaggedAddressControl = 55; // PR_SET_TAGGED_ADDR_CTRL

// By the environment: a heap starts long before main().
bool isRefused(const char *What) {
  const char *Refused = getenv(RefusedVariable);
  return Refused && strcmp(Refused, What) == 0;
}

} // namespace

extern "C" {

void *__real_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset);
void *__wrap_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset) {
  if ((Protection & ProtMte) && isRefused("tags")) {
    errno = EINVAL;
    return MAP_FAILED;
  }
  // glibc's own word for it, before the heap that makes this call looks.
  if (isRefused("to be alone"))
    __libc_single_threaded = 0;
  // As emulators do it.
  if (Fd != -1 && isRefused("tags of files"))
    Protection &= ~ProtMte;
  return __real_mmap(Address, Size, Protection, Flags, Fd, Offset);
}

int __real_mprotect(void *Address, size_t Size, int Protection);
int __wrap_mprotect(void *Address, size_t Size, int Protection) {
  if ((Protection & ProtMte) && isRefused("tags")) {
    errno = EINVAL;
    return -1;
  }
  return __real_mprotect(Address, Size, Protection);
}

void *__real_mremap(void *Old, size_t OldSize, size_t NewSize, int Flags, ...);
void *__wrap_mremap(void *Old, size_t OldSize, size_t NewSize, int Flags, ...) {
  va_list Arguments;
  va_start(Arguments, Flags);
  void *New = va_arg(Arguments, void *);
  va_end(Arguments);
  if (isRefused("moves")) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return __real_mremap(Old, OldSize, NewSize, Flags, New);
}

int __real_stat(const char *Path, struct stat *Status);
int __wrap_stat(const char *Path, struct stat *Status) {
  const int Result = __real_stat(Path, Status);
  // A folder has a link for each that is in it.
  if (Result == 0 && strcmp(Path, "/proc/self/task") == 0 &&
      isRefused("to be alone"))
    Status->st_nlink++;
  return Result;
}

int __real_memfd_create(const char *Name, unsigned Flags);
int __wrap_memfd_create(const char *Name, unsigned Flags) {
  if (isRefused("files")) {
    errno = EPERM;
    return -1;
  }
  return __real_memfd_create(Name, Flags);
}

int __real_prctl(int Option, ...);
int __wrap_prctl(int Option, ...) {
  va_list Arguments;
  va_start(Arguments, Option);
  unsigned long Values[4];
  for (unsigned long &Value : Values)
    Value = va_arg(Arguments, unsigned long);
  va_end(Arguments);
  if (Option == SetTaggedAddressControl && isRefused("checks")) {
    errno = EPERM;
    return -1;
  }
  return __real_prctl(Option, Values[0], Values[1], Values[2], Values[3]);
}

} // extern "C"

namespace {

bool hasTag(const void *Ptr) {
  return tagOf(reinterpret_cast<uintptr_t>(Ptr)) != 0;
}

// Blocks of all kinds: what they hold, and whether they have tags.
void useHeap(bool AreTagged) {
  for (int I = 0; I != 3; I++) {
    for (size_t Size : {size_t(100), 300 * KiB, 4 * MiB}) {
      void *Ptr = malloc(Size);
      ASSERT_NE(Ptr, nullptr);
      EXPECT_EQ(hasTag(Ptr), AreTagged) << Size;
      expectPattern(Ptr, 0, Size);
      memset(Ptr, 1, Size);
      Ptr = realloc(Ptr, 2 * Size);
      ASSERT_NE(Ptr, nullptr);
      EXPECT_EQ(hasTag(Ptr), AreTagged) << Size;
      EXPECT_EQ(findNotPattern(Ptr, 0, Size, 0x0101010101010101), -1);
      expectPattern(Ptr, Size, 2 * Size);
      free(Ptr);
      Ptr = calloc(1, Size);
      EXPECT_EQ(hasTag(Ptr), AreTagged) << Size;
      expectZeros(Ptr, Size);
      free(Ptr);
      Ptr = memalign(Page, Size);
      EXPECT_EQ(hasTag(Ptr), AreTagged) << Size;
      expectPattern(Ptr, 0, Size);
      free(Ptr);
    }
  }
}

[[noreturn]] void useHeapAndReport(bool AreTagged) {
  useHeap(AreTagged);
  EXPECT_EQ(refpage::areBlocksTagged(), AreTagged);
  malloc_stats();
  _exit(testing::Test::HasFailure() ? 1 : 0);
}

class TagStartDeathTest : public testing::Test {
protected:
  // A death test starts over in a new process, whose heap is fresh.
  void SetUp() override {
    if (!mayHaveMemoryTags())
      GTEST_SKIP() << "no build for memory tags";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
  void TearDown() override {
    unsetenv("REFPAGE_OPTIONS");
    unsetenv(RefusedVariable);
  }
  static void start(const char *Options, const char *Refused) {
    setenv("REFPAGE_OPTIONS", Options, 1);
    setenv(RefusedVariable, Refused, 1);
  }
  static void expectUntagged(const std::string &Line) {
    EXPECT_EXIT(useHeapAndReport(false), testing::ExitedWithCode(0),
                "refpage:   memory tags: " + Line + "\n");
  }
  static void expectTagged(const std::string &Text) {
    EXPECT_EXIT(useHeapAndReport(true), testing::ExitedWithCode(0), Text);
  }
};

TEST_F(TagStartDeathTest, AMachineWithoutTagsHasNone) {
  if (hasMemoryTags())
    GTEST_SKIP() << "this machine has memory tags";
  for (const char *Options : {"", "tag=auto", "tag=sync", "tag=async"}) {
    start(Options, "");
    expectUntagged("off, this machine has none");
  }
}

// Where there are tags.
class TaggedStartDeathTest : public TagStartDeathTest {
protected:
  void SetUp() override {
    TagStartDeathTest::SetUp();
    if (mayHaveMemoryTags() && !hasMemoryTags())
      GTEST_SKIP() << "this machine has no memory tags";
  }
};

TEST_F(TaggedStartDeathTest, ChecksAreAsTheOptionsSay) {
  for (const char *Options : {"", "tag=auto", "tag=sync"}) {
    start(Options, "");
    expectTagged("memory tags: checked sync; ");
  }
  start("tag=async", "");
  expectTagged("memory tags: checked async; ");
}

TEST_F(TaggedStartDeathTest, TheOptionsSwitchTagsOff) {
  for (const char *Options : {"tag=off", "tag=off:variant=memset",
                              "tag=off:variant=anon", "tag=off:pattern=00"}) {
    start(Options, "");
    expectUntagged("off, the options ask for it");
  }
}

// Nothing of it is even tried: no file that is mapped for tags.
TEST_F(TaggedStartDeathTest, SwitchedOffTagsAreNotTried) {
  start("tag=off", "tags");
  expectUntagged("off, the options ask for it");
  start("tag=off", "checks");
  expectUntagged("off, the options ask for it");
}

TEST_F(TaggedStartDeathTest, WithoutChecksThereAreNoTags) {
  for (const char *Options : {"", "tag=async", "variant=memset"}) {
    start(Options, "checks");
    expectUntagged("off, the kernel refuses to check them \\(Operation not "
                   "permitted\\)");
  }
}

TEST_F(TaggedStartDeathTest, MemoryThatCannotBeMappedWithTagsHasNone) {
  for (const char *Options : {"", "tag=async", "variant=memset"}) {
    start(Options, "tags");
    expectUntagged("off, memory cannot be mapped with them");
  }
}

TEST_F(TaggedStartDeathTest, AProgramThatHasThreadsHasNoTags) {
  start("", "to be alone");
  expectUntagged("off, the program had threads before it had a heap, or that "
                 "cannot be seen");
}

TEST_F(TaggedStartDeathTest, FilesThatLoseTagsAreNoWindows) {
  start("", "tags of files");
  expectTagged("refpage:   tag_store: ");
  expectTagged("fallback: [0-9]+ blocks because memory files do not keep tags "
               "here\n");
  expectTagged("memory tags: checked sync; memory files do not keep them, ");
}

TEST_F(TaggedStartDeathTest, WithoutFilesBlocksAreTagStored) {
  start("", "files");
  expectTagged("refpage:   tag_store: ");
  expectTagged("memory tags: checked sync; memory files do not keep them, ");
}

TEST_F(TaggedStartDeathTest, WhereMovesLoseTagsBlocksAreCopied) {
  start("", "moves");
  expectTagged("memory tags: checked sync; memory files (do not )?keep them, "
               "moves lose them\n");
}

} // namespace
