// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/frame_chase.h"

#include "platform/memory_tag.h"

#if !defined(__BIONIC__)

#if defined(__aarch64__)

// Of the C library: the end of the main thread's stack.
extern "C" void *__libc_stack_end;

namespace refpage {
namespace {

// As the Arm procedure call standard has it.
struct FrameRecord {
  uptr Caller;
  uptr ReturnAddress;
};

// The kernel leaves as much below the main thread's stack at least.
constexpr uptr MaxMainStack = 128UL << 20;
// What threads have by default. In a larger one that is full only the innermost
// calls are found.
constexpr uptr MaxThreadStack = 8UL << 20;
// No function is taken to have more on the stack: a register that holds
// anything but a frame pointer leads to the end of the trace, and not away from
// the stack.
constexpr uptr MaxFrame = 64UL << 10;

// Up to where memory above Frame is sure to be readable.
uptr getStackEnd(uptr Frame) {
  const uptr MainEnd = reinterpret_cast<uptr>(__libc_stack_end);
  if (Frame < MainEnd && MainEnd - Frame <= MaxMainStack)
    return MainEnd;
  // glibc puts what it knows of a thread at the end of the thread's stack.
  const uptr ThreadEnd = reinterpret_cast<uptr>(__builtin_thread_pointer());
  if (Frame < ThreadEnd && ThreadEnd - Frame <= MaxThreadStack)
    return ThreadEnd;
  return scudo::roundUp(Frame + 1, scudo::getPageSizeCached());
}

// Without the signature (pointer authentication) that some code gives its
// return addresses. Nothing where the processor has none.
uptr stripSignature(uptr Address) {
  register uptr Stripped __asm__("x30") = Address;
  __asm__("hint #7" : "+r"(Stripped)); // xpaclri
  return Stripped;
}

} // namespace
} // namespace refpage

using namespace refpage;

extern "C" size_t android_unsafe_frame_pointer_chase(uptr *Addresses,
                                                     size_t Count) {
  // What is taken for a frame may be memory of any tag.
  ScopedUncheckedAccess Unchecked;
  uptr Frame = reinterpret_cast<uptr>(__builtin_frame_address(0));
  const uptr End = getStackEnd(Frame) - sizeof(FrameRecord);
  size_t Found = 0;
  while (Found != Count && Frame <= End) {
    const auto *Record = reinterpret_cast<const FrameRecord *>(Frame);
    const uptr Address = stripSignature(Record->ReturnAddress);
    if (!Address)
      break;
    Addresses[Found++] = Address;
    const uptr Caller = Record->Caller;
    constexpr uptr StackAlignment = 16;
    if (Caller <= Frame || Caller - Frame > MaxFrame ||
        Caller % StackAlignment != 0)
      break;
    Frame = Caller;
  }
  return Found;
}

#else

extern "C" size_t android_unsafe_frame_pointer_chase(scudo::uptr *, size_t) {
  return 0;
}

#endif

#endif // !__BIONIC__
