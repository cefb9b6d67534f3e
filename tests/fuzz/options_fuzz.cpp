// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any text as REFPAGE_OPTIONS: nothing is read behind its end, what is set is
// in the documented range, and what it comes to can be written down and read
// back.

#include "allocator/options.h"
#include "tests/fuzz/input.h"

#include <memory>
#include <stdio.h>
#include <string.h>
#include <string>

using namespace refpage;
using namespace refpage_test;

namespace {

size_t Complaints = 0;

void complain(const char *Line) {
  Complaints++;
  const size_t Length = strlen(Line);
  if (Length == 0 || strchr(Line, '\n') != Line + Length - 1)
    fail("not one line: '%s'", Line);
}

Options parse(const std::string &Text) {
  // Of its own size, so that a read behind its end is seen.
  const std::unique_ptr<char[]> Copy(new char[Text.size() + 1]);
  memcpy(Copy.get(), Text.c_str(), Text.size() + 1);
  Options Result;
  Complaints = 0;
  parseOptions(Copy.get(), &Result, complain);
  return Result;
}

void checkRanges(const Options &O) {
  if (O.window_max.Value < 64UL << 10 || O.window_max.Value > 1UL << 30 ||
      !scudo::isPowerOfTwo(O.window_max.Value))
    fail("window_max is %zu", O.window_max.Value);
  constexpr uptr Most = 1UL << 47;
  if (O.cache_max.Value > Most || O.protect_from.Value > Most)
    fail("cache_max is %zu, protect_from %zu", O.cache_max.Value,
         O.protect_from.Value);
  if (O.variant > Variant::Refpage || O.backend > BackendRequest::Memset ||
      O.tag > TagRequest::Sync || O.stats > StatsFormat::Json ||
      O.uninit > UninitMode::Report)
    fail("what is one of several is none of them");
  for (const char *Path : {O.log.Text, O.density.Text})
    if (strnlen(Path, sizeof(O.log.Text)) == sizeof(O.log.Text) ||
        strchr(Path, ':'))
      fail("a path without an end, or with a colon");
}

// The options as somebody writes them who wants just these.
std::string print(const Options &O) {
  static const char *const Variants[] = {"anon", "memset", "refpage"};
  static const char *const Backends[] = {
      "auto",         "syscall", "device", "device_unaccounted",
      "device_fresh", "memfd",   "memset"};
  static const char *const Tags[] = {"auto", "off", "async", "sync"};
  static const char *const Formats[] = {"0", "1", "json"};
  static const char *const Uninits[] = {"off", "report"};
  std::string Pattern;
  u8 Bytes[sizeof(O.pattern.Value)];
  memcpy(Bytes, &O.pattern.Value, sizeof(Bytes));
  for (const u8 Byte : Bytes) {
    char Digits[3];
    snprintf(Digits, sizeof(Digits), "%02x", Byte);
    Pattern += Digits;
  }
  return std::string("variant=") + Variants[int(O.variant)] +
         ":backend=" + Backends[int(O.backend)] + ":pattern=" + Pattern +
         ":window_max=" + std::to_string(O.window_max.Value) +
         ":cache_max=" + std::to_string(O.cache_max.Value) +
         ":protect_from=" + std::to_string(O.protect_from.Value) +
         ":tag=" + Tags[int(O.tag)] + ":stats=" + Formats[int(O.stats)] +
         ":log=" + (O.log.Text[0] ? O.log.Text : "stderr") +
         ":uninit=" + Uninits[int(O.uninit)] +
         ":density=" + (O.density.Text[0] ? O.density.Text : "off") +
         ":help=" + (O.help ? "1" : "0");
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) { return 0; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size) {
  const std::string Text(reinterpret_cast<const char *>(Data), Size);
  const Options First = parse(Text);
  checkRanges(First);
  const std::string Printed = print(First);
  const Options Second = parse(Printed);
  if (Complaints)
    fail("complains of %s", Printed.c_str());
  if (print(Second) != Printed)
    fail("%s is read back as %s", Printed.c_str(), print(Second).c_str());
  // A later pair wins, so these change nothing.
  if (print(parse(Text + ":" + Printed)) != Printed)
    fail("%s does not override what precedes it", Printed.c_str());
  return 0;
}
