// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/fill_speed.h"

#include "tools/refpage/clock.h"
#include "tools/refpage/failure.h"

#include "platform/mapping.h"
#include "refpage_backend/pattern_fill.h"

#include <string.h>

#include <algorithm>

namespace refpage {

double measureFillSpeed() {
  constexpr uptr Size = 16UL << 20;
  constexpr int Tries = 3;
  double Best = 0;
  for (int I = 0; I != Tries; I++) {
    uptr Base;
    int Error = reserveMemory(Size, &Base);
    if (!Error)
      Error = commitReserved(Base, Size);
    if (Error)
      throw Failure(std::string("cannot measure what a fill costs: ") +
                    strerror(Error));
    const double Start = getMonotonicTime();
    fillPattern(Base, Size, repeatByte(0xab));
    const double Seconds = getMonotonicTime() - Start;
    unmapMemory(Base, Size);
    Best = std::max(Best, static_cast<double>(Size) / std::max(Seconds, 1e-9));
  }
  return Best;
}

} // namespace refpage
