// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Limits, and arguments that are wrong.

#include "platform/linux_kernel/refpage.h"
#include "tests/kernel/block.h"
#include "tests/kernel/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace refpage_test {
namespace {

// What the caller of the interface may not do has one answer, whatever the
// argument: the first that answers otherwise is the probe's.
class SameErrno {
public:
  explicit SameErrno(int Expected) : Expected(Expected) {}
  // A new descriptor or a negative errno.
  void add(int Result, const std::string &What) {
    if (Result >= 0)
      close(Result);
    if (Result != -Expected)
      endProbe(Result >= 0 ? yes(What) : ofErrno(-Result, What));
  }
  Answer get() const { return ofErrno(Expected); }

private:
  int Expected;
};

std::string hex(uint64_t Value) {
  char Text[32];
  snprintf(Text, sizeof(Text), "0x%lx", static_cast<unsigned long>(Value));
  return Text;
}

const void *asPointer(uint64_t Address) {
  return reinterpret_cast<const void *>(Address);
}

uint8_t *mapPages(size_t Pages, int Prot) {
  uint8_t *Base = Source(Way::Anonymous).map(-1, Pages * pageSize(), Prot);
  if (!Base)
    giveUp("mmap");
  return Base;
}

int openDevice() {
  const int Fd = open(REFPAGE_DEVICE_PATH, O_RDWR | O_CLOEXEC);
  if (Fd == -1)
    giveUp(REFPAGE_DEVICE_PATH);
  return Fd;
}

void limitTo(__rlimit_resource Which, rlim_t Value) {
  const rlimit Limit = {Value, Value};
  if (setrlimit(Which, &Limit) != 0)
    giveUp("setrlimit");
}

// Files until there are no more; returns the errno that ended it.
int makeFiles(const Source &From, std::vector<int> *Files) {
  const rlim_t Limit = From.isKernelMade() ? 20000 : 200;
  rlimit Now;
  getrlimit(RLIMIT_NOFILE, &Now);
  if (geteuid() != 0 && Now.rlim_max < Limit)
    endProbe(unknown("RLIMIT_NOFILE is too low"));
  limitTo(RLIMIT_NOFILE, Limit);
  becomeNobody();
  const uint8_t *Content = contentsOf(From);
  for (;;) {
    const int Fd = From.create(Content, pageSize());
    if (Fd < 0)
      return -Fd;
    Files->push_back(Fd);
  }
}

} // namespace

Answer filesOfUser(const Source &From) {
  std::vector<int> Files;
  const int Errno = makeFiles(From, &Files);
  return ofErrno(Errno, std::to_string(Files.size()) + " files");
}

Answer filesAreGivenBack(const Source &From) {
  std::vector<int> Files;
  makeFiles(From, &Files);
  for (int Fd : Files)
    close(Fd);
  const int Fd = From.create(contentsOf(From), pageSize());
  return Fd < 0 ? ofErrno(-Fd) : yesIf(!Files.empty(), "not one was made");
}

Answer addressSpaceLimit(const Source &From) {
  const Block B(From, 1);
  limitTo(RLIMIT_AS,
          readKiB("/proc/self/status", "VmSize:") * 1024 + (16UL << 20));
  return ofErrno(From.map(B.fd(), 1UL << 30, ReadWrite) ? 0 : errno);
}

Answer lockLimit(const Source &From) {
  const Block B(From, 64);
  limitTo(RLIMIT_MEMLOCK, 16 * pageSize());
  becomeNobody();
  if (geteuid() == 0)
    return unknown("privileges");
  return ofResult(mlock(B.base(), B.bytes()));
}

Answer badPointers(const Source &From) {
  uint8_t *Unmapped = mapPages(1, PROT_NONE);
  munmap(Unmapped, pageSize());
  const uint8_t *Inaccessible = mapPages(1, PROT_NONE);
  SameErrno All(EFAULT);
  for (uint64_t Address :
       {uint64_t(0), reinterpret_cast<uint64_t>(Unmapped),
        reinterpret_cast<uint64_t>(Inaccessible), 0xffffffff80000000UL,
        0xffff888000000000UL, 0xfffffffffffff000UL, 1UL << 62, 0x7ffffffff000UL,
        0xfffffffff000UL})
    for (size_t Size : {size_t(1), size_t(8), pageSize()})
      All.add(From.create(asPointer(Address), Size), hex(Address));
  return All.get();
}

Answer contentEndsInHole(const Source &From) {
  const uint8_t *Base = mapPages(2, ReadWrite);
  munmap(const_cast<uint8_t *>(Base), pageSize());
  SameErrno All(EFAULT);
  // With an alignment of its size content does not straddle two pages.
  All.add(From.create(Base, pageSize()), "the page before");
  const int Fd = From.create(Base + pageSize(), pageSize());
  if (Fd < 0)
    return ofErrno(-Fd, "the page behind the hole, which is there");
  close(Fd);
  return All.get();
}

Answer badSizes(const Source &From) {
  const uint8_t *Content = mapPages(4, ReadWrite);
  SameErrno All(EINVAL);
  for (size_t Size :
       {size_t(0), size_t(3), size_t(5), size_t(12), pageSize() - 1,
        pageSize() + 1, 2 * pageSize(), size_t(1) << 31, size_t(0xffffffff)})
    All.add(From.create(Content, Size), std::to_string(Size));
  return All.get();
}

Answer unalignedContent(const Source &From) {
  const uint8_t *Content = mapPages(3, ReadWrite);
  SameErrno All(EINVAL);
  for (size_t Size = 2; Size <= pageSize(); Size *= 2)
    for (size_t Offset : {size_t(1), Size / 2})
      All.add(From.create(Content + Offset, Size),
              std::to_string(Size) + " at " + std::to_string(Offset));
  return All.get();
}

Answer unknownFlags(const Source &From) {
  const uint64_t Known =
      From.isDevice() ? REFPAGE_UNACCOUNTED | REFPAGE_FRESH : 0;
  SameErrno All(EINVAL);
  for (int I = 0; I != 64; I++)
    if (!(Known & 1UL << I))
      All.add(From.create(contentsOf(From), 8, false, 1UL << I),
              "bit " + std::to_string(I));
  return All.get();
}

Answer flagsTogether(const Source &From) {
  const int Fd = From.create(contentsOf(From), 8, false,
                             REFPAGE_UNACCOUNTED | REFPAGE_FRESH);
  return ofErrno(Fd < 0 ? -Fd : 0);
}

Answer notAllowed(const Source &From) {
  if (!allowUnaccounted(false))
    return unknown("privileges");
  const int Fd = From.create(contentsOf(From), 8);
  allowUnaccounted(true);
  return ofErrno(Fd < 0 ? -Fd : 0);
}

Answer reservedField(const Source &From) {
  SameErrno All(EINVAL);
  for (uint32_t Reserved : {1U, 0x80000000U, ~0U}) {
    const int Fd = createByDevice(reinterpret_cast<uintptr_t>(contentsOf(From)),
                                  8, 0, Reserved);
    All.add(Fd == -1 ? -errno : Fd, hex(Reserved));
  }
  return All.get();
}

Answer unknownCommands(const Source &From) {
  const int Device = openDevice();
  const Block B(From, 1);
  refpage_create_args Arguments = {};
  Arguments.content = reinterpret_cast<uintptr_t>(contentsOf(From));
  Arguments.size = 8;
  SameErrno All(ENOTTY);
  for (unsigned long Command :
       {_IOW(0xBC, 0x00, refpage_create_args),
        _IOW(0xBC, 0x02, refpage_create_args),
        _IOR(0xBC, 0x01, refpage_create_args),
        _IOW(0xBC, 0x01, refpage_create_args[2]), _IOW(0xBC, 0x01, uint32_t),
        _IOW(0xBD, 0x01, refpage_create_args), 0x5401UL, 0xffffffffUL}) {
    const int Fd = ioctl(Device, Command, &Arguments);
    All.add(Fd == -1 ? -errno : Fd, hex(Command));
    const int OfFile = ioctl(B.fd(), Command, &Arguments);
    All.add(OfFile == -1 ? -errno : OfFile, hex(Command) + " of the file");
  }
  return All.get();
}

Answer badArgumentPointer(const Source &) {
  const int Device = openDevice();
  SameErrno All(EFAULT);
  for (uint64_t Address :
       {uint64_t(0), uint64_t(8), 0xffffffff80000000UL, 0xfffffffffffffff8UL}) {
    const int Fd = ioctl(Device, REFPAGE_IOC_CREATE, asPointer(Address));
    All.add(Fd == -1 ? -errno : Fd, hex(Address));
  }
  return All.get();
}

Answer offsetOverflow(const Source &From) {
  const Block B(From, 1);
  const auto Last = static_cast<off_t>(~0UL & ~(pageSize() - 1));
  void *Memory =
      mmap(nullptr, 2 * pageSize(), PROT_READ, MAP_PRIVATE, B.fd(), Last);
  return ofErrno(Memory == MAP_FAILED ? errno : 0);
}

Answer tooLong(const Source &From) {
  const Block B(From, 1);
  const int Flags =
      MAP_PRIVATE | (From.way() == Way::Anonymous ? MAP_ANONYMOUS : 0);
  for (size_t Length : {size_t(1) << 62, ~size_t(0) & ~(pageSize() - 1)}) {
    void *Memory = mmap(nullptr, Length, PROT_READ, Flags, B.fd(), 0);
    if (Memory != MAP_FAILED || errno != ENOMEM)
      return ofErrno(Memory == MAP_FAILED ? errno : 0, hex(Length));
  }
  return ofErrno(ENOMEM);
}

Answer moduleIsUnloaded(const Source &From) {
  if (geteuid() != 0)
    return unknown("privileges");
  Block B(From, 1);
  close(B.fd());
  const long Result = syscall(SYS_delete_module, "refpage", O_NONBLOCK);
  const int Errno = Result == -1 ? errno : 0;
  if (Errno == ENOENT || Errno == ENOSYS || Errno == EPERM)
    return unknown("it is no module that could be removed");
  if (!B.holds())
    return no(B.describeWrong());
  return ofErrno(Errno);
}

} // namespace refpage_test
