// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/kernel/block.h"

#include "tests/kernel/answer.h"

#include <algorithm>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace refpage_test {
namespace {

thread_local sigjmp_buf Back;
thread_local volatile sig_atomic_t IsTrying;
thread_local volatile int SignalCode;

void leaveAccess(int Signal, siginfo_t *Info, void *) {
  if (!IsTrying) {
    signal(Signal, SIG_DFL);
    raise(Signal);
    return;
  }
  SignalCode = Info->si_code;
  siglongjmp(Back, Signal);
}

bool handleSignals() {
  struct sigaction Action = {};
  Action.sa_sigaction = leaveAccess;
  Action.sa_flags = SA_SIGINFO;
  return sigaction(SIGSEGV, &Action, nullptr) == 0 &&
         sigaction(SIGBUS, &Action, nullptr) == 0;
}

// Before there are threads: a child of a fork would wait for ever for one that
// was at it.
const bool IsReady = handleSignals();

template <typename F> int tryAccess(F Access) {
  if (!IsReady)
    giveUp("sigaction");
  const int Signal = sigsetjmp(Back, 1);
  if (Signal == 0) {
    IsTrying = 1;
    Access();
  }
  IsTrying = 0;
  return Signal;
}

// Calls Each(Start, End) for each mapping of the range that /proc/self/smaps
// has, and EachLine(Text) for the lines under it.
template <typename F>
void forEachSmapsLine(const uint8_t *Base, size_t Bytes, F EachLine) {
  const uintptr_t From = reinterpret_cast<uintptr_t>(Base);
  FILE *File = fopen("/proc/self/smaps", "re");
  if (!File)
    giveUp("/proc/self/smaps");
  char Line[PATH_MAX + 128];
  bool IsInRange = false;
  while (fgets(Line, sizeof(Line), File)) {
    unsigned long Start, End;
    // The lines under it begin with a word that ends in a colon.
    if (sscanf(Line, "%lx-%lx ", &Start, &End) == 2)
      IsInRange = Start < From + Bytes && From < End;
    else if (IsInRange)
      EachLine(Line);
  }
  fclose(File);
}

bool hasField(const char *Line, const char *Field) {
  return strncmp(Line, Field, strlen(Field)) == 0;
}

} // namespace

const uint8_t *contentsOf(const Source &From) {
  // Aligned to the page, as the interface wants.
  alignas(65536) static uint64_t Words[65536 / sizeof(uint64_t)];
  static const uint64_t Zeros[65536 / sizeof(uint64_t)] = {};
  if (From.way() == Way::Anonymous)
    return reinterpret_cast<const uint8_t *>(Zeros);
  if (Words[0] == 0)
    for (size_t I = 0; I != pageSize() / sizeof(uint64_t); I++)
      Words[I] = (I + 1) * 0x9e3779b97f4a7c15;
  return reinterpret_cast<const uint8_t *>(Words);
}

uint8_t otherThan(uint8_t Byte) { return Byte ^ 0x55; }

Block::Block(const Source &From, size_t Pages, int Prot, int Flags)
    : Contents(contentsOf(From)), Pages(Pages), Fd(-1) {
  if (From.way() != Way::Anonymous) {
    Fd = From.create(Contents, pageSize());
    if (Fd < 0) {
      errno = -Fd;
      giveUp("create");
    }
  }
  Base = From.map(Fd, bytes(), Prot, Flags);
  if (!Base)
    giveUp("mmap");
}

bool Block::holds(size_t First, size_t End, const uint8_t *Written) {
  for (size_t I = First; I != End; I++) {
    if (memcmp(page(I), Contents, pageSize()) == 0)
      continue;
    for (size_t J = 0; J != pageSize(); J++) {
      const uint8_t *At = page(I) + J;
      const uint8_t Found = *static_cast<const volatile uint8_t *>(At);
      if (Found == Contents[J] || At == Written)
        continue;
      char Text[100];
      snprintf(Text, sizeof(Text), "byte %zu of page %zu is 0x%02x, not 0x%02x",
               J, I, Found, Contents[J]);
      Wrong = Text;
      return false;
    }
  }
  return true;
}

int tryRead(const volatile uint8_t *Address, uint8_t *Value) {
  return tryAccess([&] {
    const uint8_t Read = *Address;
    if (Value)
      *Value = Read;
  });
}

int tryWrite(volatile uint8_t *Address, uint8_t Value) {
  return tryAccess([&] { *Address = Value; });
}

int getSignalCode() { return SignalCode; }

size_t countMappings(const uint8_t *Base, size_t Bytes) {
  size_t Count = 0;
  forEachSmapsLine(Base, Bytes,
                   [&](const char *Line) { Count += hasField(Line, "Size:"); });
  return Count;
}

size_t readSmaps(const uint8_t *Base, size_t Bytes, const char *Field) {
  size_t Sum = 0;
  forEachSmapsLine(Base, Bytes, [&](const char *Line) {
    size_t Value;
    if (hasField(Line, Field) &&
        sscanf(Line + strlen(Field), "%zu", &Value) == 1)
      Sum += Value;
  });
  return Sum;
}

bool haveVmFlag(const uint8_t *Base, size_t Bytes, const char *Flag) {
  bool Have = true;
  forEachSmapsLine(Base, Bytes, [&](const char *Line) {
    if (hasField(Line, "VmFlags:"))
      Have &= strstr(Line, (std::string(" ") + Flag + " ").c_str()) != nullptr;
  });
  return Have;
}

size_t readKiB(const char *Path, const char *Field) {
  FILE *File = fopen(Path, "re");
  if (!File)
    return 0;
  char Line[256];
  size_t Value = 0;
  while (fgets(Line, sizeof(Line), File))
    if (hasField(Line, Field)) {
      if (sscanf(Line + strlen(Field), "%zu", &Value) != 1)
        Value = 0;
      break;
    }
  fclose(File);
  return Value;
}

uint64_t readPagemap(const uint8_t *Address) {
  const int Fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (Fd == -1)
    giveUp("/proc/self/pagemap");
  uint64_t Entry = 0;
  const uintptr_t Page = reinterpret_cast<uintptr_t>(Address) / pageSize();
  if (pread(Fd, &Entry, sizeof(Entry),
            static_cast<off_t>(Page * sizeof(Entry))) != sizeof(Entry))
    giveUp("pread of pagemap");
  close(Fd);
  return Entry;
}

void becomeNobody() {
  constexpr uid_t Nobody = 64999;
  if (geteuid() != 0)
    return;
  if (setresgid(Nobody, Nobody, Nobody) != 0 ||
      setresuid(Nobody, Nobody, Nobody) != 0)
    giveUp("setresuid");
}

int getKernelVersion() {
  utsname Name;
  int Major = 0, Minor = 0;
  if (uname(&Name) != 0 || sscanf(Name.release, "%d.%d", &Major, &Minor) != 2)
    return 0;
  return 100 * Major + Minor;
}

} // namespace refpage_test
