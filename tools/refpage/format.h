// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers and names for people.

#ifndef REFPAGE_TOOLS_REFPAGE_FORMAT_H_
#define REFPAGE_TOOLS_REFPAGE_FORMAT_H_

#include <stdint.h>

#include <string>

namespace refpage {

// "512 B", "4.0 KiB", "1.2 GiB".
std::string formatBytes(uint64_t Bytes);
// Of seconds: "12.3 us", "4.56 ms", "7.89 s". Three digits.
std::string formatTime(double Seconds);
// "1.23x"; "-" where it cannot be said.
std::string formatRatio(double Value, double Base);
// "1 block", "2 blocks", "3 processes".
std::string plural(uint64_t Count, const char *Thing);
// The last part of a program's path.
std::string getProgramName(const std::string &Path);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_FORMAT_H_
