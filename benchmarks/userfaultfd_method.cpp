// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "userfaultfd_method.h"

#include "arguments.h"
#include "fresh_methods.h"
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bench {

void UserFaultFd::start() {
  Fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
  if (Fd < 0)
    fail("userfaultfd");
  uffdio_api Api = {};
  Api.api = UFFD_API;
  if (ioctl(Fd, UFFDIO_API, &Api) != 0)
    fail("UFFDIO_API");
  PatternPage = mapAnonymous(PageSize);
  fill(PatternPage, PageSize);
  pthread_t Thread;
  if (pthread_create(&Thread, nullptr, answer, this) != 0)
    fail("pthread_create");
  pthread_detach(Thread);
}

void *UserFaultFd::answer(void *Argument) {
  const UserFaultFd *Self = static_cast<UserFaultFd *>(Argument);
  for (;;) {
    uffd_msg Messages[16];
    const ssize_t Got = read(Self->Fd, Messages, sizeof(Messages));
    if (Got < 0)
      fail("reading a userfaultfd");
    const size_t Count = static_cast<size_t>(Got) / sizeof(uffd_msg);
    for (size_t I = 0; I < Count; ++I) {
      uffdio_copy Copy = {};
      Copy.dst = Messages[I].arg.pagefault.address & ~(PageSize - 1);
      Copy.src = reinterpret_cast<uintptr_t>(Self->PatternPage);
      Copy.len = PageSize;
      // While mappings change it has to be asked again; two threads may have
      // waited for the same page.
      int Result;
      do {
        Copy.copy = 0;
        Result = ioctl(Self->Fd, UFFDIO_COPY, &Copy);
      } while (Result != 0 && errno == EAGAIN);
      if (Result != 0 && errno != EEXIST)
        fail("UFFDIO_COPY");
    }
  }
}

char *UserFaultFd::get(size_t Size) {
  if (Fd < 0)
    start();
  char *Block = mapAnonymous(Size);
  uffdio_register Range = {};
  Range.range.start = reinterpret_cast<uintptr_t>(Block);
  Range.range.len = (Size + PageSize - 1) / PageSize * PageSize;
  Range.mode = UFFDIO_REGISTER_MODE_MISSING;
  if (ioctl(Fd, UFFDIO_REGISTER, &Range) != 0)
    fail("UFFDIO_REGISTER");
  return Block;
}

void UserFaultFd::put(char *Block, size_t Size) { munmap(Block, Size); }

} // namespace bench
