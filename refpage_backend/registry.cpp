// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/registry.h"

#include "refpage_backend/kernel_window.h"
#include "refpage_backend/memfd_window.h"

#include "atomic_helpers.h"

namespace refpage {

void Registry::init(BackendRequest Request, uptr NewMaxWindowSize) {
  MaxWindowSize = NewMaxWindowSize;
  switch (Request) {
  case BackendRequest::Auto:
    Makers.add(&SyscallWindowMaker);
    Makers.add(&DeviceWindowMaker);
    break;
  case BackendRequest::Syscall:
    Makers.add(&RequestedSyscallWindowMaker);
    break;
  case BackendRequest::Device:
    Makers.add(&RequestedDeviceWindowMaker);
    break;
  case BackendRequest::DeviceUnaccounted:
    Makers.add(&UnaccountedDeviceWindowMaker);
    break;
  case BackendRequest::DeviceFresh:
    Makers.add(&FreshDeviceWindowMaker);
    break;
  case BackendRequest::Memfd:
  case BackendRequest::Memset:
    break;
  }
  Makers.add(&MemfdWindowMaker);
}

Source *Registry::lookup(const Contents &Holds, u8 *Index) {
  const u32 N = scudo::atomic_load(&Count, scudo::memory_order_acquire);
  for (u32 I = 0; I != N; I++) {
    if (Sources[I].getContents() == Holds) {
      *Index = static_cast<u8>(I);
      return &Sources[I];
    }
  }
  return nullptr;
}

Source *Registry::find(const Contents &Holds, u8 *Index) {
  if (Source *Known = lookup(Holds, Index))
    return Known;
  scudo::ScopedLock L(Mutex);
  if (Source *Known = lookup(Holds, Index))
    return Known;
  const u32 N = scudo::atomic_load_relaxed(&Count);
  if (N == MaxSources)
    return nullptr;
  Sources[N].init(Holds, &Makers, MaxWindowSize);
  scudo::atomic_store(&Count, N + 1, scudo::memory_order_release);
  *Index = static_cast<u8>(N);
  return &Sources[N];
}

void Registry::getStats(SourceStats *Sum) {
  *Sum = SourceStats();
  const u32 N = scudo::atomic_load(&Count, scudo::memory_order_acquire);
  for (u32 I = 0; I != N; I++) {
    SourceStats Part;
    Sources[I].getStats(&Part);
    Sum->WindowsMade += Part.WindowsMade;
    Sum->WindowsLost += Part.WindowsLost;
    Sum->WindowsNow += Part.WindowsNow;
    Sum->OwnMemory += Part.OwnMemory;
    Sum->PeakMemory += Part.PeakMemory;
    Sum->LiveBytes += Part.LiveBytes;
  }
}

void Registry::disable() {
  Mutex.lock();
  const u32 N = scudo::atomic_load_relaxed(&Count);
  for (u32 I = 0; I != N; I++)
    Sources[I].disable();
}

void Registry::enable() {
  u32 N = scudo::atomic_load_relaxed(&Count);
  while (N)
    Sources[--N].enable();
  Mutex.unlock();
}

void Registry::close() {
  const u32 N = scudo::atomic_load(&Count, scudo::memory_order_acquire);
  for (u32 I = 0; I != N; I++)
    Sources[I].close();
}

} // namespace refpage
