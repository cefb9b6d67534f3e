// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/mapping_name.h"

#include "platform/scoped_errno.h"

#include "atomic_helpers.h"

#include <sys/prctl.h>

// Since Linux 5.17, and in Android's kernels before; older headers lack the
// names.
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

namespace refpage {
namespace {

scudo::atomic_uptr CurrentName = {};

} // namespace

void setMappingName(const char *Name) {
  scudo::atomic_store_relaxed(&CurrentName, reinterpret_cast<uptr>(Name));
}

void nameMapping(uptr Base, uptr Size) {
  const uptr Name = scudo::atomic_load_relaxed(&CurrentName);
  if (!Name)
    return;
  ScopedErrno KeepErrno;
  if (prctl(PR_SET_VMA, 0UL + PR_SET_VMA_ANON_NAME, Base, Size, Name) == -1 &&
      errno == EINVAL)
    setMappingName(nullptr);
}

} // namespace refpage
