// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contents, what the file is, and what a store does.

#include "tests/kernel/block.h"
#include "tests/kernel/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace refpage_test {

static void expect(bool Holds, const Block &Of) {
  if (!Holds)
    endProbe(no(Of.describeWrong()));
}

static int createOrGiveUp(const Source &From, const void *Content,
                          size_t Size) {
  const int Fd = From.create(Content, Size);
  if (Fd < 0) {
    errno = -Fd;
    giveUp("create of " + std::to_string(Size) + " bytes");
  }
  return Fd;
}

Answer contentsOfEachSize(const Source &From) {
  const uint8_t *Content = contentsOf(From);
  for (size_t Size = 1; Size <= pageSize(); Size *= 2) {
    const int Fd = createOrGiveUp(From, Content, Size);
    const uint8_t *Base = From.map(Fd, 3 * pageSize(), PROT_READ);
    if (!Base)
      giveUp("mmap");
    for (size_t I = 0; I != 3 * pageSize(); I++)
      if (Base[I] != Content[I % Size])
        return no("size " + std::to_string(Size) + ", byte " +
                  std::to_string(I));
    // Content from elsewhere in the page.
    close(Fd);
    const int Other = createOrGiveUp(From, Content + pageSize() - Size, Size);
    const uint8_t *Page = From.map(Other, pageSize(), PROT_READ);
    if (!Page)
      giveUp("mmap");
    if (memcmp(Page, Content + pageSize() - Size, Size) != 0)
      return no("content at the end of a page, size " + std::to_string(Size));
    close(Other);
  }
  return yes();
}

Answer anyOffset(const Source &From) {
  const uint8_t *Content = contentsOf(From);
  const int Fd = createOrGiveUp(From, Content, pageSize());
  const size_t Length = 64UL << 20;
  for (off_t Offset : {off_t(0), off_t(pageSize()), off_t(1) << 40}) {
    void *Memory = mmap(nullptr, Length, PROT_READ, MAP_PRIVATE, Fd, Offset);
    if (Memory == MAP_FAILED)
      return ofResult(-1, "mmap");
    const uint8_t *Base = static_cast<uint8_t *>(Memory);
    for (size_t I = 0; I < Length; I += 61 * pageSize()) {
      if (const int Signal = tryRead(Base + I))
        return ofSignal(Signal, "at " + std::to_string(I));
      if (memcmp(Base + I, Content, pageSize()) != 0)
        return no("other bytes at " + std::to_string(I));
    }
  }
  return yes();
}

Answer contentIsCopiedAtCall(const Source &From) {
  alignas(64) uint8_t Content[64];
  memset(Content, 0x11, sizeof(Content));
  const int Fd = createOrGiveUp(From, Content, sizeof(Content));
  memset(Content, 0x22, sizeof(Content));
  const uint8_t *Page = From.map(Fd, pageSize(), PROT_READ);
  return Page ? yesIf(Page[0] == 0x11) : ofResult(-1, "mmap");
}

Answer twoFilesDiffer(const Source &From) {
  constexpr size_t NumFiles = 64;
  const uint8_t *Pages[NumFiles];
  for (size_t I = 0; I != NumFiles; I++) {
    const uint64_t Content = 0x0101010101010101 * (I + 1);
    const int Fd = createOrGiveUp(From, &Content, sizeof(Content));
    Pages[I] = From.map(Fd, pageSize(), PROT_READ);
    if (!Pages[I])
      giveUp("mmap");
  }
  for (size_t I = 0; I != NumFiles; I++)
    for (size_t J = 0; J != pageSize(); J++)
      if (Pages[I][J] != I + 1)
        return no("file " + std::to_string(I));
  return yes();
}

Answer linkOfFile(const Source &From) {
  const Block B(From, 1);
  char Link[256] = {};
  const std::string Path = "/proc/self/fd/" + std::to_string(B.fd());
  if (readlink(Path.c_str(), Link, sizeof(Link) - 1) < 0)
    giveUp("readlink");
  return {Link, {}};
}

Answer fileHasOwnInode(const Source &From) {
  const Block A(From, 1), B(From, 1);
  // A file of the kernel's that shares its inode with many others.
  const int Others = eventfd(0, EFD_CLOEXEC);
  struct stat OfA, OfB, OfOthers;
  if (fstat(A.fd(), &OfA) != 0 || fstat(B.fd(), &OfB) != 0 ||
      fstat(Others, &OfOthers) != 0)
    giveUp("fstat");
  return yesIf(OfA.st_ino != OfB.st_ino && OfA.st_ino != OfOthers.st_ino &&
               OfB.st_ino != OfOthers.st_ino);
}

Answer fileIsCloseOnExec(const Source &From) {
  const Block B(From, 1);
  return yesIf(fcntl(B.fd(), F_GETFD) & FD_CLOEXEC);
}

Answer mappingOutlivesFile(const Source &From) {
  Block B(From, 8);
  expect(B.holds(0, 2), B);
  close(B.fd());
  expect(B.holds(), B);
  *B.page(3) = 1;
  expect(B.holds(0, 8, B.page(3)), B);
  return yesIf(*B.page(3) == 1);
}

Answer fileByProc(const Source &From) {
  const Block B(From, 1);
  const std::string Path = "/proc/self/fd/" + std::to_string(B.fd());
  const int Fd = open(Path.c_str(), O_RDONLY | O_CLOEXEC);
  return ofResult(Fd, "open");
}

Answer fileIsPassedOn(const Source &From) {
  int Ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, Ends) != 0)
    giveUp("socketpair");
  // The receiver is here before the file is.
  const pid_t Receiver = fork();
  if (Receiver == -1)
    giveUp("fork");
  char Byte = 0;
  iovec Data = {&Byte, 1};
  alignas(cmsghdr) char Control[CMSG_SPACE(sizeof(int))] = {};
  msghdr Message = {};
  Message.msg_iov = &Data;
  Message.msg_iovlen = 1;
  Message.msg_control = Control;
  Message.msg_controllen = sizeof(Control);
  if (Receiver == 0) {
    int Fd = -1;
    if (recvmsg(Ends[1], &Message, 0) != 1 || !CMSG_FIRSTHDR(&Message))
      _exit(1);
    memcpy(&Fd, CMSG_DATA(CMSG_FIRSTHDR(&Message)), sizeof(Fd));
    const uint8_t *Page = From.map(Fd, pageSize(), PROT_READ);
    const bool IsRight =
        Page && memcmp(Page, contentsOf(From), pageSize()) == 0;
    Byte = IsRight ? 'y' : 'n';
    _exit(write(Ends[1], &Byte, 1) == 1 ? 0 : 1);
  }
  const Block B(From, 1);
  const int Fd = B.fd();
  cmsghdr *Header = CMSG_FIRSTHDR(&Message);
  Header->cmsg_level = SOL_SOCKET;
  Header->cmsg_type = SCM_RIGHTS;
  Header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(Header), &Fd, sizeof(Fd));
  if (sendmsg(Ends[0], &Message, 0) != 1)
    giveUp("sendmsg");
  if (read(Ends[0], &Byte, 1) != 1)
    giveUp("read");
  return yesIf(Byte == 'y');
}

Answer fileIsWritten(const Source &From) {
  Block B(From, 4);
  const char Bytes[16] = "not what it had";
  std::string Worked;
  const auto Try = [&](const char *What, long Result) {
    if (Result != -1)
      Worked += std::string(What) + " ";
  };
  Try("write", write(B.fd(), Bytes, sizeof(Bytes)));
  Try("pwrite", pwrite(B.fd(), Bytes, sizeof(Bytes), 0));
  Try("ftruncate", ftruncate(B.fd(), 0));
  Try("longer", ftruncate(B.fd(), off_t(1) << 30));
  Try("fallocate", fallocate(B.fd(), 0, 0, off_t(2) << 20));
  Try("punch", fallocate(B.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                         static_cast<off_t>(pageSize())));
  int Ends[2];
  if (pipe(Ends) != 0 || write(Ends[1], Bytes, sizeof(Bytes)) < 0)
    giveUp("pipe");
  Try("splice", splice(Ends[0], nullptr, B.fd(), nullptr, sizeof(Bytes), 0));
  if (!B.holds())
    Worked += B.describeWrong();
  return Worked.empty() ? no("") : yes(Worked);
}

Answer fileIsRead(const Source &From) {
  const Block B(From, 1);
  uint8_t Bytes[16] = {};
  const ssize_t Got = pread(B.fd(), Bytes, sizeof(Bytes), 0);
  if (Got == -1)
    return no(errnoName(errno));
  return yesIf(Got == sizeof(Bytes) &&
                   memcmp(Bytes, contentsOf(From), sizeof(Bytes)) == 0,
               "other bytes");
}

static Answer mapShared(const Source &From, int Prot) {
  const Block B(From, 1);
  for (int Kind : {MAP_SHARED, MAP_SHARED_VALIDATE}) {
    void *Memory = mmap(nullptr, pageSize(), Prot, Kind, B.fd(), 0);
    if (Memory == MAP_FAILED)
      return ofErrno(errno);
  }
  return yes();
}

Answer sharedMapping(const Source &From) { return mapShared(From, ReadWrite); }
Answer sharedReadOnlyMapping(const Source &From) {
  return mapShared(From, PROT_READ);
}

Answer executableMapping(const Source &From) {
  const Block B(From, 1);
  return ofErrno(From.map(B.fd(), pageSize(), PROT_READ | PROT_EXEC) ? 0
                                                                     : errno);
}

Answer becomesExecutable(const Source &From) {
  const Block B(From, 1);
  return ofResult(mprotect(B.base(), pageSize(), PROT_READ | PROT_EXEC));
}

static Answer storeIn(const Source &From, bool ReadsBefore) {
  const size_t Pages = 9;
  for (size_t Page : {size_t(0), size_t(4), Pages - 1})
    for (size_t Offset :
         {size_t(0), size_t(1), size_t(7), pageSize() / 2, pageSize() - 1}) {
      Block B(From, Pages);
      if (ReadsBefore)
        expect(B.holds(), B);
      uint8_t *At = B.page(Page) + Offset;
      const uint8_t Value = otherThan(contentsOf(From)[Offset]);
      *static_cast<volatile uint8_t *>(At) = Value;
      if (*static_cast<volatile uint8_t *>(At) != Value)
        return no("the store is lost");
      expect(B.holds(0, Pages, At), B);
      munmap(B.base(), B.bytes());
      close(B.fd());
    }
  return yes();
}

Answer copyOnWrite(const Source &From) { return storeIn(From, false); }
Answer copyAfterRead(const Source &From) { return storeIn(From, true); }

Answer otherMappingsStay(const Source &From) {
  const Block B(From, 4);
  uint8_t *Others[] = {From.map(B.fd(), B.bytes(), PROT_READ),
                       From.map(B.fd(), B.bytes(), PROT_READ)};
  if (!Others[0] || !Others[1])
    giveUp("mmap");
  if (memcmp(Others[0], contentsOf(From), pageSize()) != 0)
    return no("before the store");
  memset(B.base(), 0x77, B.bytes());
  for (const uint8_t *Other : Others)
    for (size_t I = 0; I != B.pages(); I++)
      if (memcmp(Other + I * pageSize(), contentsOf(From), pageSize()) != 0)
        return no("page " + std::to_string(I));
  return yes();
}

// Every way of writing that can be thought of, by memory that may be written
// and by memory that may not.
Answer nothingChangesThePage(const Source &From) {
  Block Witness(From, 4, PROT_READ);
  expect(Witness.holds(), Witness);
  const uint8_t Bytes[64] = {1, 2, 3};
  iovec Local = {const_cast<uint8_t *>(Bytes), sizeof(Bytes)};
  const int Memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  for (int Prot : {PROT_NONE, PROT_READ, ReadWrite}) {
    uint8_t *Base = From.map(Witness.fd(), 4 * pageSize(), Prot);
    if (!Base)
      giveUp("mmap");
    const auto Address = static_cast<off_t>(reinterpret_cast<uintptr_t>(Base));
    ignore(pwrite(Memory, Bytes, sizeof(Bytes), Address));
    iovec Remote = {Base + pageSize(), sizeof(Bytes)};
    process_vm_writev(getpid(), &Local, 1, &Remote, 1, 0);
    madvise(Base, 4 * pageSize(), MADV_REMOVE);
    madvise(Base, 4 * pageSize(), MADV_DONTNEED);
    madvise(Base, 4 * pageSize(), MADV_FREE);
    ignore(pwrite(Memory, Bytes, sizeof(Bytes), Address));
    // What the kernel writes as the result of a call.
    int Ends[2];
    if (pipe(Ends) != 0)
      giveUp("pipe");
    ignore(write(Ends[1], Bytes, sizeof(Bytes)));
    ignore(read(Ends[0], Base + 2 * pageSize(), sizeof(Bytes)));
    ignore(ioctl(Ends[1], FIONREAD, Base + 3 * pageSize()));
    syscall(SYS_remap_file_pages, Base, pageSize(), 0, 0, 0);
    mprotect(Base, 4 * pageSize(), ReadWrite);
    for (size_t I = 0; I != 4; I++)
      tryWrite(Base + I * pageSize() + 99, 9);
    close(Ends[0]);
    close(Ends[1]);
  }
  ignore(ftruncate(Witness.fd(), 0));
  ignore(fchmod(Witness.fd(), 0777));
  ignore(fcntl(Witness.fd(), F_SETFL, O_RDWR | O_DIRECT));
  ignore(write(Witness.fd(), Bytes, sizeof(Bytes)));
  // And a mapping that is made afterwards.
  const uint8_t *After = From.map(Witness.fd(), pageSize(), PROT_READ);
  if (!After)
    giveUp("mmap");
  if (tryRead(After) != 0 || memcmp(After, contentsOf(From), pageSize()) != 0)
    return yes("a new mapping reads other bytes");
  return Witness.holds() ? no("") : yes(Witness.describeWrong());
}

} // namespace refpage_test
