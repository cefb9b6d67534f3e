// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the calls that manage memory do: madvise(), fork(), mprotect(),
// mremap(), munmap(), mlock().

#include "tests/kernel/block.h"
#include "tests/kernel/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ // Since Linux 5.14; older headers lack the names.
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace refpage_test {
namespace {

constexpr uint64_t Present = 1UL << 63;
constexpr uint64_t Exclusive = 1UL << 56;

void expect(bool Holds, const Block &Of) {
  if (!Holds)
    endProbe(no(Of.describeWrong()));
}

void expect(bool Holds, const char *What) {
  if (!Holds)
    endProbe(no(What));
}

// Writes to the page, and tells whether it still is as written.
void dirty(const Block &B, size_t Page) {
  *B.page(Page) = otherThan(*B.page(Page));
}
bool isDirty(const Source &From, const Block &B, size_t Page) {
  return *B.page(Page) == otherThan(contentsOf(From)[0]);
}

// All pages are contents, but for the first byte of the page Written.
void expectOneWritten(const Source &From, Block *B, size_t Written) {
  expect(B->holds(0, B->pages(), B->page(Written)), *B);
  expect(isDirty(From, *B, Written), "the store is lost");
}

void adviseOrEnd(const Block &B, int Advice, const char *What) {
  if (madvise(B.base(), B.bytes(), Advice) != 0)
    endProbe(ofErrno(errno, What));
}

} // namespace

Answer dontNeed(const Source &From) {
  Block B(From, 16);
  for (int I = 0; I != 3; I++) {
    dirty(B, 1);
    memset(B.page(4), 0x33, 5 * pageSize());
    adviseOrEnd(B, MADV_DONTNEED, "MADV_DONTNEED");
    expect(B.holds(), B);
  }
  return yes();
}

Answer lazyFree(const Source &From) {
  const Block B(From, 4);
  dirty(B, 1);
  return ofResult(madvise(B.base(), B.bytes(), MADV_FREE));
}

Answer populateRead(const Source &From) {
  Block B(From, 64);
  adviseOrEnd(B, MADV_POPULATE_READ, "MADV_POPULATE_READ");
  for (size_t I = 0; I != B.pages(); I++)
    expect(readPagemap(B.page(I)) & Present, "a page is not present");
  expect(B.holds(), B);
  return yes();
}

Answer populateWrite(const Source &From) {
  Block B(From, 64);
  adviseOrEnd(B, MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
  for (size_t I = 0; I != B.pages(); I++)
    expect((readPagemap(B.page(I)) & (Present | Exclusive)) ==
               (Present | Exclusive),
           "a page is not present, or not of this process alone");
  expect(B.holds(), B);
  return yes();
}

Answer wipeOnFork(const Source &From) {
  const Block B(From, 4);
  adviseOrEnd(B, MADV_WIPEONFORK, "MADV_WIPEONFORK");
  return yes();
}

Answer dontFork(const Source &From) {
  const Block B(From, 4);
  dirty(B, 1);
  adviseOrEnd(B, MADV_DONTFORK, "MADV_DONTFORK");
  const int Signal = runInProcess([&] {
    return tryRead(B.page(0)) == SIGSEGV && tryRead(B.page(1)) == SIGSEGV;
  });
  return yesIf(Signal == 0, "the child can read it");
}

Answer pageOut(const Source &From) {
  Block B(From, 16);
  expect(B.holds(0, 8), B);
  dirty(B, 3);
  adviseOrEnd(B, MADV_COLD, "MADV_COLD");
  expectOneWritten(From, &B, 3);
  adviseOrEnd(B, MADV_PAGEOUT, "MADV_PAGEOUT");
  expectOneWritten(From, &B, 3);
  return yes();
}

Answer removePages(const Source &From) {
  const Block B(From, 4);
  return ofResult(madvise(B.base(), B.bytes(), MADV_REMOVE));
}

Answer mayMerge(const Source &From) {
  const Block B(From, 16);
  if (madvise(B.base(), B.bytes(), MADV_MERGEABLE) != 0)
    return unknown("the kernel has no KSM");
  return yesIf(haveVmFlag(B.base(), B.bytes(), "mg"));
}

static size_t writeForHugePages(const Source &From) {
  const Block B(From, (8UL << 20) / pageSize());
  madvise(B.base(), B.bytes(), MADV_HUGEPAGE);
  memset(B.base(), 0x44, B.bytes());
  return readSmaps(B.base(), B.bytes(), "AnonHugePages:");
}

Answer hugePages(const Source &From) {
  if (writeForHugePages(Source(Way::Anonymous)) == 0)
    return unknown("the kernel gives none to anonymous memory");
  return yesIf(writeForHugePages(From) > 0);
}

Answer childSeesParent(const Source &From) {
  Block B(From, 16);
  expect(B.holds(0, 8), B);
  dirty(B, 3);
  dirty(B, 12);
  const int Signal = runInProcess([&] {
    return B.holds(0, 12, B.page(3)) && B.holds(12, 16, B.page(12)) &&
           isDirty(From, B, 3) && isDirty(From, B, 12);
  });
  return yesIf(Signal == 0);
}

Answer childIsIsolated(const Source &From) {
  Block B(From, 16);
  dirty(B, 3);
  int ToChild[2], ToParent[2];
  if (pipe(ToChild) != 0 || pipe(ToParent) != 0)
    giveUp("pipe");
  const pid_t Child = fork();
  if (Child == -1)
    giveUp("fork");
  char Byte = 0;
  if (Child == 0) {
    close(ToChild[1]);
    *B.page(3) = 1;
    *B.page(5) = 2;
    *B.page(7) = 3;
    ignore(write(ToParent[1], &Byte, 1));
    // The parent writes.
    if (read(ToChild[0], &Byte, 1) != 1)
      _exit(1);
    const bool IsRight = *B.page(3) == 1 && *B.page(5) == 2 &&
                         *B.page(7) == 3 && B.holds(8, 16) && B.holds(0, 3);
    _exit(IsRight ? 0 : 1);
  }
  close(ToParent[1]);
  if (read(ToParent[0], &Byte, 1) != 1)
    return no("the child died");
  expect(B.holds(0, 16, B.page(3)), B);
  expect(isDirty(From, B, 3), "the child's store is in the parent");
  memset(B.page(7), 0x66, pageSize());
  memset(B.page(9), 0x66, pageSize());
  ignore(write(ToChild[1], &Byte, 1));
  int Status = 0;
  waitpid(Child, &Status, 0);
  return yesIf(WIFEXITED(Status) && WEXITSTATUS(Status) == 0,
               "the parent's store is in the child");
}

Answer forkStorm(const Source &From) {
  constexpr int NumRounds = 20, NumChildren = 8;
  Block B(From, 64);
  expect(B.holds(0, 32), B);
  dirty(B, 5);
  for (int Round = 0; Round != NumRounds; Round++) {
    pid_t Children[NumChildren];
    for (int I = 0; I != NumChildren; I++) {
      Children[I] = fork();
      if (Children[I] == -1)
        giveUp("fork");
      if (Children[I] == 0) {
        // Each writes to pages of its own, and has a child which does too.
        const size_t Mine = 8 + static_cast<size_t>(I);
        dirty(B, Mine);
        const int Grandchild = runInProcess([&] {
          dirty(B, Mine + 16);
          return isDirty(From, B, Mine) && isDirty(From, B, Mine + 16) &&
                 isDirty(From, B, 5) && B.holds(32, 64);
        });
        _exit(Grandchild == 0 && isDirty(From, B, Mine) &&
                      B.holds(Mine + 1, 64) && B.holds(6, Mine)
                  ? 0
                  : 1);
      }
    }
    for (pid_t Child : Children) {
      int Status = 0;
      waitpid(Child, &Status, 0);
      if (WIFSIGNALED(Status))
        return ofSignal(WTERMSIG(Status), "in a child");
      expect(WEXITSTATUS(Status) == 0, "a child saw something else");
    }
    expectOneWritten(From, &B, 5);
  }
  return yes();
}

Answer protectNoneAndBack(const Source &From) {
  Block B(From, 16);
  expect(B.holds(0, 8), B);
  dirty(B, 3);
  for (int Prot : {PROT_NONE, PROT_READ, PROT_NONE, ReadWrite}) {
    if (mprotect(B.base(), B.bytes(), Prot) != 0)
      return ofResult(-1, "mprotect");
    if (Prot == PROT_NONE) {
      expect(tryRead(B.page(0)) == SIGSEGV, "PROT_NONE can be read");
      expect(tryRead(B.page(3)) == SIGSEGV, "PROT_NONE can be read");
    } else {
      expectOneWritten(From, &B, 3);
    }
  }
  B.page(9)[1] = 0;
  return yesIf(B.page(9)[1] == 0 && B.holds(10, 16));
}

Answer readOnlyFaults(const Source &From) {
  Block B(From, 4, PROT_READ);
  const int Untouched = tryWrite(B.page(0), 1);
  expect(B.holds(), B);
  const int AfterRead = tryWrite(B.page(1), 1);
  expect(B.holds(), B);
  expect(Untouched == AfterRead, "untouched and read pages differ");
  return ofSignal(Untouched);
}

Answer becomesWritable(const Source &From) {
  for (int Prot : {PROT_NONE, PROT_READ}) {
    Block B(From, 4, Prot);
    if (Prot == PROT_READ)
      expect(B.holds(0, 2), B);
    if (mprotect(B.base(), B.bytes(), ReadWrite) != 0)
      return ofResult(-1, "mprotect");
    dirty(B, 1);
    dirty(B, 3);
    expect(B.holds(0, 3, B.page(1)), B);
    expect(isDirty(From, B, 1) && isDirty(From, B, 3), "the store is lost");
  }
  return yes();
}

// A place that nobody has.
static uint8_t *reserve(size_t Bytes) {
  void *Memory = mmap(nullptr, Bytes, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (Memory == MAP_FAILED)
    giveUp("mmap");
  return static_cast<uint8_t *>(Memory);
}

static bool isContents(const Source &From, const uint8_t *Page) {
  return tryRead(Page) == 0 && memcmp(Page, contentsOf(From), pageSize()) == 0;
}

Answer moves(const Source &From) {
  Block B(From, 16);
  expect(B.holds(0, 8), B);
  dirty(B, 3);
  uint8_t *To = reserve(B.bytes());
  if (mremap(B.base(), B.bytes(), B.bytes(), MREMAP_MAYMOVE | MREMAP_FIXED,
             To) == MAP_FAILED)
    return ofResult(-1, "mremap");
  for (size_t I = 0; I != B.pages(); I++)
    if (I != 3 && !isContents(From, To + I * pageSize()))
      return no("page " + std::to_string(I));
  expect(To[3 * pageSize()] == otherThan(contentsOf(From)[0]),
         "the store is lost");
  return yesIf(tryRead(B.page(0)) == SIGSEGV, "the old place can be read");
}

Answer grows(const Source &From) {
  const Block B(From, 1);
  dirty(B, 0);
  const size_t Length = 4UL << 20;
  void *Memory = mremap(B.base(), pageSize(), Length, MREMAP_MAYMOVE);
  if (Memory == MAP_FAILED)
    return ofResult(-1, "mremap");
  uint8_t *Base = static_cast<uint8_t *>(Memory);
  expect(Base[0] == otherThan(contentsOf(From)[0]), "the store is lost");
  for (size_t I = pageSize(); I != Length; I += pageSize()) {
    if (const int Signal = tryRead(Base + I))
      return ofSignal(Signal, "at " + std::to_string(I));
    if (!isContents(From, Base + I))
      return no("other bytes at " + std::to_string(I));
  }
  return yes();
}

Answer shrinks(const Source &From) {
  Block B(From, 16);
  dirty(B, 0);
  if (mremap(B.base(), B.bytes(), pageSize(), 0) == MAP_FAILED)
    return ofResult(-1, "mremap");
  expect(tryRead(B.page(1)) == SIGSEGV, "the rest is there");
  expect(B.holds(0, 1, B.page(0)), B);
  return yesIf(isDirty(From, B, 0));
}

Answer movesAway(const Source &From) {
  Block B(From, 8);
  expect(B.holds(0, 4), B);
  dirty(B, 3);
  void *Memory = mremap(B.base(), B.bytes(), B.bytes(),
                        MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
  if (Memory == MAP_FAILED)
    return ofResult(-1, "mremap");
  const uint8_t *To = static_cast<uint8_t *>(Memory);
  expect(To[3 * pageSize()] == otherThan(contentsOf(From)[0]),
         "the store is lost");
  expect(isContents(From, To) && isContents(From, To + 7 * pageSize()),
         "what was moved");
  expect(B.holds(), B);
  return yes();
}

Answer hole(const Source &From) {
  Block B(From, 16);
  dirty(B, 3);
  dirty(B, 9);
  munmap(B.page(6), 4 * pageSize());
  for (size_t I = 6; I != 10; I++)
    expect(tryRead(B.page(I)) == SIGSEGV, "the hole can be read");
  expect(B.holds(0, 6, B.page(3)), B);
  expect(isDirty(From, B, 3), "the store is lost");
  expect(B.holds(10, 16), B);
  dirty(B, 10);
  return yesIf(isDirty(From, B, 10) && B.holds(11, 16));
}

Answer mappedOver(const Source &From) {
  Block B(From, 16);
  dirty(B, 3);
  dirty(B, 9);
  if (mmap(B.page(6), 4 * pageSize(), ReadWrite,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    giveUp("mmap");
  for (size_t I = 6; I != 10; I++)
    expect(*B.page(I) == 0, "no zeros");
  expect(B.holds(0, 6, B.page(3)), B);
  expect(B.holds(10, 16), B);
  return yesIf(isDirty(From, B, 3));
}

Answer lock(const Source &From) {
  Block B(From, 64);
  dirty(B, 3);
  if (mlock(B.base(), B.bytes()) != 0)
    return ofResult(-1, "mlock");
  size_t Resident = 0;
  for (size_t I = 0; I != B.pages(); I++)
    Resident += readPagemap(B.page(I)) >> 63;
  expectOneWritten(From, &B, 3);
  munlock(B.base(), B.bytes());
  expectOneWritten(From, &B, 3);
  return yesIf(Resident == B.pages(), std::to_string(Resident) + " pages of " +
                                          std::to_string(B.pages()));
}

Answer lockCounts(const Source &From) {
  const Block B(From, 4);
  const size_t Before = readKiB("/proc/self/status", "VmLck:");
  if (mlock(B.base(), B.bytes()) != 0)
    return ofResult(-1, "mlock");
  return yesIf(readKiB("/proc/self/status", "VmLck:") - Before ==
               B.bytes() / 1024);
}

Answer lockFuture(const Source &From) {
  const Block Before(From, 4);
  const rlimit Unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &Unlimited);
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
    return errno == ENOMEM || errno == EPERM ? unknown("RLIMIT_MEMLOCK")
                                             : ofResult(-1, "mlockall");
  Block B(From, 64);
  expect(B.holds(), B);
  dirty(B, 3);
  expectOneWritten(From, &B, 3);
  return yes();
}

Answer mapPopulate(const Source &From) {
  for (int Prot : {PROT_READ, ReadWrite}) {
    Block B(From, 64, Prot, MAP_POPULATE);
    for (size_t I = 0; I != B.pages(); I++)
      expect(readPagemap(B.page(I)) & Present, "a page is not present");
    expect(B.holds(), B);
  }
  return yes();
}

Answer inCore(const Source &From) {
  Block B(From, 3);
  expect(B.holds(1, 2), B);
  dirty(B, 2);
  unsigned char Resident[3] = {};
  if (mincore(B.base(), B.bytes(), Resident) != 0)
    return ofResult(-1, "mincore");
  std::string Digits;
  for (unsigned char Page : Resident)
    Digits += Page & 1 ? '1' : '0';
  return {Digits, {}};
}

Answer comesBackFromSwap(const Source &From) {
  if (readKiB("/proc/meminfo", "SwapFree:") < 1024)
    return unknown("no swap");
  constexpr uint64_t IsSwapped = 1UL << 62;
  Block B(From, 32);
  expect(B.holds(16, 32), B);
  for (size_t I = 0; I != 16; I++)
    memset(B.page(I), static_cast<int>(I + 1), pageSize());
  size_t Swapped = 0;
  // What was just written may be on a list that is not looked at yet.
  for (int I = 0; I != 10 && Swapped == 0; I++) {
    madvise(B.base(), B.bytes(), MADV_PAGEOUT);
    for (size_t J = 0; J != 16; J++)
      Swapped += (readPagemap(B.page(J)) & IsSwapped) != 0;
  }
  if (Swapped == 0)
    return no("no page was swapped out");
  for (size_t I = 0; I != 16; I++)
    for (size_t J = 0; J != pageSize(); J++)
      expect(B.page(I)[J] == I + 1, "other bytes came back");
  expect(B.holds(16, 32), B);
  return yes(std::to_string(Swapped) + " pages of 16");
}

} // namespace refpage_test
