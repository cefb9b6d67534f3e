// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// operator new and delete. Ours rather than libstdc++'s, which would call
// malloc(): Scudo can then tell new from malloc (dealloc_type_mismatch) and a
// sized delete from a wrong one (delete_size_mismatch).
//
// Unlike upstream's they keep the language's promise when memory runs out:
// they call the new handler and throw std::bad_alloc, through the C++ library
// of the program if it has one. There is none in this library.

#include "allocator/heap.h"

#include "scudo/interface.h"

#include <new>

// The program's C++ library, if any.
namespace std {
WEAK new_handler get_new_handler() noexcept;
// NOLINTNEXTLINE(misc-use-internal-linkage): libstdc++ defines it.
WEAK NORETURN void __throw_bad_alloc();
} // namespace std

namespace {

using refpage::TheHeap;
using scudo::uptr;
using Origin = scudo::Chunk::Origin;

constexpr uptr DefaultAlignment = 1U << SCUDO_MIN_ALIGNMENT_LOG;

NOINLINE void handleNoMemory(uptr Size) {
  if (&std::get_new_handler) {
    if (const std::new_handler Handler = std::get_new_handler()) {
      Handler();
      return;
    }
  }
  if (&std::__throw_bad_alloc)
    std::__throw_bad_alloc();
  scudo::reportOutOfMemory(Size);
}

ALWAYS_INLINE void *allocateOrNull(uptr Size, Origin From,
                                   uptr Alignment = DefaultAlignment) {
  void *Ptr = TheHeap.allocate(Size, From, Alignment);
  // Upstream's hooks, for debug builds.
  if (SCUDO_ENABLE_HOOKS && Ptr && __scudo_allocate_hook)
    __scudo_allocate_hook(Ptr, Size);
  return Ptr;
}

ALWAYS_INLINE void *allocateOrThrow(uptr Size, Origin From,
                                    uptr Alignment = DefaultAlignment) {
  for (;;) {
    if (void *Ptr = allocateOrNull(Size, From, Alignment))
      return Ptr;
    handleNoMemory(Size);
  }
}

ALWAYS_INLINE void deallocate(void *Ptr, Origin From, uptr Size = 0,
                              uptr Alignment = DefaultAlignment) {
  if (SCUDO_ENABLE_HOOKS && __scudo_deallocate_hook)
    __scudo_deallocate_hook(Ptr);
  TheHeap.deallocate(Ptr, From, Size, Alignment);
}

// A program may replace any form: all are weak, for one that links us. It may
// replace the plain forms alone; the others then go to its own, as the language
// says and libstdc++ does. Seen from here its operators come
// before ours. These are other names of ours, which stay ours.
extern "C" {
HIDDEN void *refpage_own_new(size_t Size) ALIAS("_Znwm")
    __attribute__((malloc, alloc_size(1)));
HIDDEN void refpage_own_delete(void *Ptr) noexcept ALIAS("_ZdlPv");
}

using NewFunction = void *(size_t);
using DeleteFunction = void(void *) noexcept;

// The function at Visible, unless that is Ours: then nullptr. The compiler
// takes a definition that it sees for the one that will be called, which for a
// symbol that can be interposed is not so; it must not know where Visible is
// from.
template <typename T> ALWAYS_INLINE T *unlessOurs(T *Visible, T *Ours) {
  __asm__("" : "+r"(Visible));
  return LIKELY(Visible == Ours) ? nullptr : Visible;
}
NewFunction *getReplacedNew() {
  return unlessOurs<NewFunction>(&::operator new, &refpage_own_new);
}
DeleteFunction *getReplacedDelete() {
  return unlessOurs<DeleteFunction>(&::operator delete, &refpage_own_delete);
}

uptr asSize(std::align_val_t Alignment) { return static_cast<uptr>(Alignment); }

} // namespace

INTERFACE WEAK void *operator new(size_t Size) {
  return allocateOrThrow(Size, Origin::New);
}
INTERFACE WEAK void *operator new[](size_t Size) {
  if (NewFunction *Theirs = getReplacedNew())
    return Theirs(Size);
  return allocateOrThrow(Size, Origin::NewArray);
}
INTERFACE WEAK void *operator new(size_t Size, std::align_val_t Alignment) {
  return allocateOrThrow(Size, Origin::New, asSize(Alignment));
}
INTERFACE WEAK void *operator new[](size_t Size, std::align_val_t Alignment) {
  return allocateOrThrow(Size, Origin::NewArray, asSize(Alignment));
}

// The new handler is not called here: what it throws could not be caught.
INTERFACE WEAK void *operator new(size_t Size,
                                  std::nothrow_t const &) noexcept {
  if (NewFunction *Theirs = getReplacedNew())
    return Theirs(Size);
  return allocateOrNull(Size, Origin::New);
}
INTERFACE WEAK void *operator new[](size_t Size,
                                    std::nothrow_t const &) noexcept {
  if (NewFunction *Theirs = getReplacedNew())
    return Theirs(Size);
  return allocateOrNull(Size, Origin::NewArray);
}
INTERFACE WEAK void *operator new(size_t Size, std::align_val_t Alignment,
                                  std::nothrow_t const &) noexcept {
  return allocateOrNull(Size, Origin::New, asSize(Alignment));
}
INTERFACE WEAK void *operator new[](size_t Size, std::align_val_t Alignment,
                                    std::nothrow_t const &) noexcept {
  return allocateOrNull(Size, Origin::NewArray, asSize(Alignment));
}

INTERFACE WEAK void operator delete(void *Ptr) noexcept {
  deallocate(Ptr, Origin::New);
}
INTERFACE WEAK void operator delete[](void *Ptr) noexcept {
  if (DeleteFunction *Theirs = getReplacedDelete())
    return Theirs(Ptr);
  deallocate(Ptr, Origin::NewArray);
}
INTERFACE WEAK void operator delete(void *Ptr,
                                    std::nothrow_t const &) noexcept {
  if (DeleteFunction *Theirs = getReplacedDelete())
    return Theirs(Ptr);
  deallocate(Ptr, Origin::New);
}
INTERFACE WEAK void operator delete[](void *Ptr,
                                      std::nothrow_t const &) noexcept {
  if (DeleteFunction *Theirs = getReplacedDelete())
    return Theirs(Ptr);
  deallocate(Ptr, Origin::NewArray);
}
INTERFACE WEAK void operator delete(void *Ptr, size_t Size) noexcept {
  if (DeleteFunction *Theirs = getReplacedDelete())
    return Theirs(Ptr);
  deallocate(Ptr, Origin::New, Size);
}
INTERFACE WEAK void operator delete[](void *Ptr, size_t Size) noexcept {
  if (DeleteFunction *Theirs = getReplacedDelete())
    return Theirs(Ptr);
  deallocate(Ptr, Origin::NewArray, Size);
}
INTERFACE WEAK void operator delete(void *Ptr,
                                    std::align_val_t Alignment) noexcept {
  deallocate(Ptr, Origin::New, 0, asSize(Alignment));
}
INTERFACE WEAK void operator delete[](void *Ptr,
                                      std::align_val_t Alignment) noexcept {
  deallocate(Ptr, Origin::NewArray, 0, asSize(Alignment));
}
INTERFACE WEAK void operator delete(void *Ptr, std::align_val_t Alignment,
                                    std::nothrow_t const &) noexcept {
  deallocate(Ptr, Origin::New, 0, asSize(Alignment));
}
INTERFACE WEAK void operator delete[](void *Ptr, std::align_val_t Alignment,
                                      std::nothrow_t const &) noexcept {
  deallocate(Ptr, Origin::NewArray, 0, asSize(Alignment));
}
INTERFACE WEAK void operator delete(void *Ptr, size_t Size,
                                    std::align_val_t Alignment) noexcept {
  deallocate(Ptr, Origin::New, Size, asSize(Alignment));
}
INTERFACE WEAK void operator delete[](void *Ptr, size_t Size,
                                      std::align_val_t Alignment) noexcept {
  deallocate(Ptr, Origin::NewArray, Size, asSize(Alignment));
}
