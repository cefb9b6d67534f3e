// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a probe finds out, and the process that it runs in.

#ifndef REFPAGE_TESTS_KERNEL_ANSWER_H_
#define REFPAGE_TESTS_KERNEL_ANSWER_H_

#include <functional>
#include <string>

namespace refpage_test {

struct Answer {
  // One of a few words, to be compared: "yes", "no", the name of an errno or a
  // signal, a number, or what isUnknown() is for.
  std::string Value;
  // For people: what was found in detail. Not compared.
  std::string Detail;

  // Whether this machine cannot tell (no swap, one processor, no privilege).
  bool isUnknown() const { return Value == "?"; }
};

Answer yes(std::string Detail = {});
Answer no(std::string Detail);
Answer yesIf(bool Holds, std::string DetailIfNot = {});
Answer unknown(std::string Why);
Answer number(size_t Value);
// Yes for 0; else its name, such as EINVAL. What names the call.
Answer ofErrno(int Errno, std::string What = {});
// The same for a call that returns -1 and sets errno if it fails.
Answer ofResult(long Result, std::string What = {});
// Yes for 0; else its name, such as SIGSEGV.
Answer ofSignal(int Signal, std::string What = {});

std::string errnoName(int Errno);
std::string signalName(int Signal);

// Runs Probe in a process of its own, which may do what cannot be undone, and
// of which nothing is left. A probe that dies by a signal answers with the
// signal's name; one that takes longer than Seconds with "hangs".
Answer runProbe(unsigned Seconds, const std::function<Answer()> &Probe);

// Ends the probe that calls it, in whose way something else was: the answer is
// "error". errno is part of the detail.
[[noreturn]] void giveUp(const std::string &What);
// The same with any other answer.
[[noreturn]] void endProbe(const Answer &Found);

// What becomes of Body in a child of its own: 0 if it returned true, the signal
// that it died by, or -1.
int runInProcess(const std::function<bool()> &Body);

// Of calls that may fail.
inline void ignore(long) {}

} // namespace refpage_test

#endif // REFPAGE_TESTS_KERNEL_ANSWER_H_
