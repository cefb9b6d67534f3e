// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keeps errno over a scope: free() must not change it (POSIX.1-2024), and no
// program expects a successful malloc() to.

#ifndef REFPAGE_PLATFORM_SCOPED_ERRNO_H_
#define REFPAGE_PLATFORM_SCOPED_ERRNO_H_

#include <errno.h>

namespace refpage {

class ScopedErrno {
public:
  ScopedErrno() : Saved(errno) {}
  ~ScopedErrno() { errno = Saved; }
  ScopedErrno(const ScopedErrno &) = delete;
  void operator=(const ScopedErrno &) = delete;

private:
  const int Saved;
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_SCOPED_ERRNO_H_
