// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/format.h"

#include <stdio.h>

namespace refpage {
namespace {

std::string print(const char *Format, double Number) {
  char Text[64];
  snprintf(Text, sizeof(Text), Format, Number);
  return Text;
}

std::string printThreeDigits(double Number) {
  return print(Number < 9.995   ? "%.2f"
               : Number < 99.95 ? "%.1f"
                                : "%.0f",
               Number);
}

} // namespace

std::string formatBytes(uint64_t Bytes) {
  if (Bytes < 1024)
    return std::to_string(Bytes) + " B";
  static const char *const Units[] = {" KiB", " MiB", " GiB", " TiB"};
  double Number = static_cast<double>(Bytes) / 1024;
  size_t Unit = 0;
  while (Number >= 1024 && Unit + 1 != sizeof(Units) / sizeof(Units[0])) {
    Number /= 1024;
    Unit++;
  }
  return print("%.1f", Number) + Units[Unit];
}

std::string formatTime(double Seconds) {
  if (Seconds == 0)
    return "0 s";
  if (Seconds < 1e-3)
    return printThreeDigits(Seconds * 1e6) + " us";
  if (Seconds < 1)
    return printThreeDigits(Seconds * 1e3) + " ms";
  return printThreeDigits(Seconds) + " s";
}

std::string formatRatio(double Value, double Base) {
  return Base > 0 ? printThreeDigits(Value / Base) + "x" : "-";
}

std::string plural(uint64_t Count, const char *Thing) {
  const std::string Name = Thing;
  return std::to_string(Count) + " " + Name +
         (Count == 1           ? ""
          : Name.back() == 's' ? "es"
                               : "s");
}

std::string getProgramName(const std::string &Path) {
  return Path.substr(Path.rfind('/') + 1);
}

} // namespace refpage
