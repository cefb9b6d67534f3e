// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The caches of small blocks, one for each thread, as upstream's exclusive
// registry (TSDRegistryExT) has them; but a thread's local storage holds only a
// pointer to its cache. A cache is 12 KB. In thread-local storage it came off
// each thread's stack, so that threads with small ones did not start (EINVAL:
// 36 KiB did not suffice); and a library with so much of it cannot be loaded
// while a program runs (dlopen(), dlmopen()).

#ifndef REFPAGE_ALLOCATOR_THREAD_CACHES_H_
#define REFPAGE_ALLOCATOR_THREAD_CACHES_H_

#include "platform/mapping.h"

#include "atomic_helpers.h"
#include "tsd.h"

#include <pthread.h>
#include <string.h>

namespace refpage {

// Thread-safe; a stand-in for upstream's, whose names it has. What a thread
// leaves behind is the next one's. Those of a parent's other threads are lost
// in the child of a fork: they may have been at work on them.
template <class Allocator> class ThreadCaches {
  using Cache = scudo::TSD<Allocator>;

public:
  // The calling thread's cache, or the shared one for those that have none.
  class ScopedTSD {
  public:
    ALWAYS_INLINE explicit ScopedTSD(ThreadCaches &Caches)
        : Current(Caches.getAndLock(&MustUnlock)) {}
    ~ScopedTSD() {
      if (UNLIKELY(MustUnlock))
        Current->unlock();
    }
    ScopedTSD(const ScopedTSD &) = delete;
    void operator=(const ScopedTSD &) = delete;

    Cache &operator*() { return *Current; }
    Cache *operator->() {
      Current->assertLocked(/*BypassCheck=*/!MustUnlock);
      return Current;
    }

  private:
    bool MustUnlock;
    Cache *Current;
  };

  void init(Allocator *Instance) REQUIRES(Mutex) {
    DCHECK(!Initialized);
    Instance->init();
    CHECK_EQ(pthread_key_create(&Key, endThread), 0);
    Shared.init(Instance);
    putBack(&First);
    Initialized = true;
  }

  void initOnceMaybe(Allocator *Instance) EXCLUDES(Mutex) {
    scudo::ScopedLock L(Mutex);
    if (LIKELY(Initialized))
      return;
    init(Instance); // Sets Initialized.
  }

  // With the threads gone. What was mapped for them stays.
  void unmapTestOnly(Allocator *Instance) EXCLUDES(Mutex) {
    if (Mine.Own)
      Mine.Own->Data.commitBack(Instance);
    Mine = {};
    CHECK_EQ(pthread_key_delete(Key), 0);
    Key = {};
    Shared.commitBack(Instance);
    Shared = {};
    scudo::ScopedLock L(Mutex);
    Unused = nullptr;
    First = {};
    Initialized = false;
  }

  // The calling thread's and the shared one: those of others are theirs.
  void drainCaches(Allocator *Instance) {
    if (Mine.Own)
      Instance->drainCache(&Mine.Own->Data);
    Shared.lock();
    Instance->drainCache(&Shared);
    Shared.unlock();
  }

  // With MinimalInit the heap is set up, and not the thread.
  ALWAYS_INLINE void initThreadMaybe(Allocator *Instance, bool MinimalInit) {
    if (UNLIKELY(Mine.Stage == ThreadStage::New))
      initThread(Instance, MinimalInit);
  }

  // All threads turn to the shared one, and wait for it.
  void disable() NO_THREAD_SAFETY_ANALYSIS {
    Mutex.lock();
    Shared.lock();
    scudo::atomic_store(&Disabled, u8(1), scudo::memory_order_release);
  }

  void enable() NO_THREAD_SAFETY_ANALYSIS {
    scudo::atomic_store(&Disabled, u8(0), scudo::memory_order_release);
    Shared.unlock();
    Mutex.unlock();
  }

  bool setOption(scudo::Option Which, scudo::sptr Value) {
    if (Which == scudo::Option::ThreadDisableMemInit)
      Mine.DisableMemInit = Value != 0;
    return Which != scudo::Option::MaxTSDsCount;
  }

  bool getDisableMemInit() { return Mine.DisableMemInit; }

  void getStats(scudo::ScopedString *Text) {
    Text->append("Exclusive TSD don't support iterating each TSD\n");
  }

private:
  struct Place {
    Cache Data;
    Place *Next; // While it is nobody's.
  };
  // A mapping for so many.
  static constexpr uptr PlacesAtOnce = 16;

  enum class ThreadStage : u8 {
    New,
    HasOwn,
    Shares, // It has ended but for other destructors, or there is no memory.
  };
  struct Thread {
    Place *Own = nullptr;
    Allocator *Heap = nullptr;
    ThreadStage Stage = ThreadStage::New;
    bool DisableMemInit = false;
  };

  ALWAYS_INLINE Cache *getAndLock(bool *MustUnlock) NO_THREAD_SAFETY_ANALYSIS {
    if (LIKELY(Mine.Stage == ThreadStage::HasOwn &&
               !scudo::atomic_load(&Disabled, scudo::memory_order_acquire))) {
      *MustUnlock = false;
      return &Mine.Own->Data;
    }
    Shared.lock();
    *MustUnlock = true;
    return &Shared;
  }

  NOINLINE void initThread(Allocator *Instance, bool MinimalInit) {
    initOnceMaybe(Instance);
    if (UNLIKELY(MinimalInit))
      return;
    Place *New = takePlace();
    Mine = {New, Instance, New ? ThreadStage::HasOwn : ThreadStage::Shares,
            Mine.DisableMemInit};
    if (New) {
      New->Data.init(Instance);
      // May allocate, which works by now.
      if (UNLIKELY(pthread_setspecific(Key, this) != 0))
        leave();
    }
    Instance->callPostInitCallback();
  }

  // nullptr if there is no memory.
  Place *takePlace() EXCLUDES(Mutex) {
    scudo::ScopedLock L(Mutex);
    if (!Unused)
      mapPlaces();
    Place *Found = Unused;
    if (Found) {
      Unused = Found->Next;
      // As in a new thread's local storage.
      memset(static_cast<void *>(Found), 0, sizeof(*Found));
    }
    return Found;
  }

  void putBack(Place *Old) REQUIRES(Mutex) {
    Old->Next = Unused;
    Unused = Old;
  }

  void mapPlaces() REQUIRES(Mutex) {
    const uptr Size = scudo::roundUp(PlacesAtOnce * sizeof(Place),
                                     scudo::getPageSizeCached());
    uptr Base = 0;
    if (reserveMemory(Size, &Base) != 0)
      return;
    if (commitReserved(Base, Size) != 0) {
      unmapMemory(Base, Size);
      return;
    }
    for (uptr I = PlacesAtOnce; I != 0; I--)
      putBack(reinterpret_cast<Place *>(Base) + I - 1);
  }

  // The calling thread has a cache no more.
  void leave() EXCLUDES(Mutex) {
    Place *Old = Mine.Own;
    Old->Data.commitBack(Mine.Heap);
    Mine.Own = nullptr;
    Mine.Stage = ThreadStage::Shares;
    scudo::ScopedLock L(Mutex);
    putBack(Old);
  }

  // The thread's last use of the heap shall be its other destructors', which
  // may free: so this waits for the round after which there is none. What the
  // key holds says nothing: where a process has several C libraries (dlmopen())
  // their keys have the same numbers, and threads one place for each number.
  static void endThread(void *) {
    if (!Mine.Own)
      return;
    ThreadCaches *Caches = Mine.Heap->getTSDRegistry();
    u8 &RoundsLeft = Mine.Own->Data.DestructorIterations;
    if (RoundsLeft > 1) {
      RoundsLeft--;
      if (LIKELY(pthread_setspecific(Caches->Key, Caches) == 0))
        return;
    }
    Caches->leave();
  }

  pthread_key_t Key = {};
  bool Initialized GUARDED_BY(Mutex) = false;
  scudo::atomic_u8 Disabled = {};
  Cache Shared;
  // The first thread's: a program without others makes no system call for it.
  Place First GUARDED_BY(Mutex) = {};
  Place *Unused GUARDED_BY(Mutex) = nullptr;
  scudo::HybridMutex Mutex;
  static thread_local Thread Mine;
};

template <class Allocator>
thread_local
    typename ThreadCaches<Allocator>::Thread ThreadCaches<Allocator>::Mine;

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_THREAD_CACHES_H_
