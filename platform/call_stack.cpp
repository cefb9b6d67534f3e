// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/call_stack.h"

#include "platform/frame_chase.h"
#include "platform/loaded_modules.h"
#include "platform/scoped_errno.h"

#include "atomic_helpers.h"

#include <sys/auxv.h>

// Of glibc, bionic from API 33 on, not of musl; nor in a static program, unless
// it uses it itself.
extern "C" __attribute__((weak)) int backtrace(void **Addresses, int Size);

namespace refpage {
namespace {

scudo::atomic_u8 IsUnwinderLoaded;
// Where this library's code lies, if it is a library. Set before that.
uptr OwnBase;
uptr OwnEnd;

bool isOwn(uptr Address) { return Address >= OwnBase && Address < OwnEnd; }

} // namespace

void loadUnwinder() {
  if (!backtrace)
    return;
  LoadedModules Modules;
  Modules.load();
  const LoadedModules::Module *Own =
      Modules.find(reinterpret_cast<uptr>(&loadUnwinder));
  const LoadedModules::Module *Main = Modules.find(getauxval(AT_ENTRY));
  if (Own && Main && Own->Base != Main->Base) {
    OwnBase = Own->CodeBase;
    OwnEnd = Own->CodeEnd;
  }
  ScopedErrno KeepErrno;
  void *Any[2];
  // None: there is no libgcc_s here.
  if (backtrace(Any, ARRAY_SIZE(Any)) > 0)
    scudo::atomic_store(&IsUnwinderLoaded, u8(1), scudo::memory_order_release);
}

u32 getCallers(uptr *Addresses, u32 Most) {
  // Calls within this library, at most.
  constexpr u32 MostOwn = 16;
  constexpr u32 MostFrames = 48;
  uptr Found[MostFrames];
  const u32 Asked = scudo::Min(Most + MostOwn, MostFrames);
  u32 Count;
  if (scudo::atomic_load(&IsUnwinderLoaded, scudo::memory_order_acquire)) {
    ScopedErrno KeepErrno;
    Count = static_cast<u32>(
        backtrace(reinterpret_cast<void **>(Found), static_cast<int>(Asked)));
  } else {
    Count = static_cast<u32>(android_unsafe_frame_pointer_chase(Found, Asked));
  }
  u32 First = 0;
  while (First != Count && isOwn(Found[First]))
    First++;
  u32 Stored = 0;
  while (First != Count && Stored != Most)
    Addresses[Stored++] = Found[First++];
  return Stored;
}

} // namespace refpage
