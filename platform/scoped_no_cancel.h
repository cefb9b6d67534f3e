// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keeps a thread from being cancelled over a scope. malloc() and free() are no
// cancellation points, but open(), pread() and other calls in them are, and a
// thread that ended there would leave locks behind. bionic cancels no threads.

#ifndef REFPAGE_PLATFORM_SCOPED_NO_CANCEL_H_
#define REFPAGE_PLATFORM_SCOPED_NO_CANCEL_H_

#include <pthread.h>

namespace refpage {

class ScopedNoCancel {
public:
#if defined(__BIONIC__)
  ScopedNoCancel() {}
  ~ScopedNoCancel() {}
#else
  ScopedNoCancel() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &Saved); }
  ~ScopedNoCancel() { pthread_setcancelstate(Saved, nullptr); }
#endif
  ScopedNoCancel(const ScopedNoCancel &) = delete;
  void operator=(const ScopedNoCancel &) = delete;

#if !defined(__BIONIC__)
private:
  int Saved;
#endif
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_SCOPED_NO_CANCEL_H_
