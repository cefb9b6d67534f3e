// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/options.h"

#include "platform/process.h"

#include "atomic_helpers.h"

#include <string.h>
#include <unistd.h>

namespace refpage {
namespace {

// A part of the option string.
struct Word {
  const char *Start;
  uptr Length;

  bool is(const char *Other) const {
    return strlen(Other) == Length && memcmp(Start, Other, Length) == 0;
  }
};

template <typename T> struct Spelling {
  const char *Text;
  T Value;
};

constexpr Spelling<Variant> Variants[] = {{"anon", Variant::Anon},
                                          {"memset", Variant::Memset},
                                          {"refpage", Variant::Refpage}};
constexpr Spelling<BackendRequest> Requests[] = {
    {"auto", BackendRequest::Auto},
    {"syscall", BackendRequest::Syscall},
    {"device", BackendRequest::Device},
    {"device_unaccounted", BackendRequest::DeviceUnaccounted},
    {"device_fresh", BackendRequest::DeviceFresh},
    {"memfd", BackendRequest::Memfd},
    {"memset", BackendRequest::Memset}};
constexpr Spelling<TagRequest> TagRequests[] = {{"auto", TagRequest::Auto},
                                                {"off", TagRequest::Off},
                                                {"async", TagRequest::Async},
                                                {"sync", TagRequest::Sync}};
constexpr Spelling<UninitMode> UninitModes[] = {{"off", UninitMode::Off},
                                                {"report", UninitMode::Report}};
constexpr Spelling<StatsFormat> StatsFormats[] = {{"0", StatsFormat::Off},
                                                  {"1", StatsFormat::Text},
                                                  {"false", StatsFormat::Off},
                                                  {"true", StatsFormat::Text},
                                                  {"json", StatsFormat::Json}};
constexpr Spelling<bool> Bools[] = {
    {"0", false}, {"1", true}, {"false", false}, {"true", true}};

template <typename T, uptr N>
bool parseSpelling(const Spelling<T> (&Spellings)[N], Word Value, T *Result) {
  for (const Spelling<T> &S : Spellings) {
    if (Value.is(S.Text)) {
      *Result = S.Value;
      return true;
    }
  }
  return false;
}

bool parse(Word Value, Variant *Result) {
  return parseSpelling(Variants, Value, Result);
}

bool parse(Word Value, BackendRequest *Result) {
  return parseSpelling(Requests, Value, Result);
}

bool parse(Word Value, TagRequest *Result) {
  return parseSpelling(TagRequests, Value, Result);
}

bool parse(Word Value, UninitMode *Result) {
  return parseSpelling(UninitModes, Value, Result);
}

bool parse(Word Value, StatsFormat *Result) {
  return parseSpelling(StatsFormats, Value, Result);
}

// None is the word for no path.
template <uptr Size>
bool parsePath(Word Value, const char *None, char (&Text)[Size]) {
  if (Value.Length == 0 || Value.Length >= Size)
    return false;
  memset(Text, 0, Size);
  if (!Value.is(None))
    memcpy(Text, Value.Start, Value.Length);
  return true;
}

bool parse(Word Value, FilePath *Result) {
  return parsePath(Value, "stderr", Result->Text);
}

bool parse(Word Value, CountsFile *Result) {
  return parsePath(Value, "off", Result->Text);
}

bool parse(Word Value, bool *Result) {
  return parseSpelling(Bools, Value, Result);
}

int hexDigit(char C) {
  if (C >= '0' && C <= '9')
    return C - '0';
  if (C >= 'a' && C <= 'f')
    return C - 'a' + 10;
  if (C >= 'A' && C <= 'F')
    return C - 'A' + 10;
  return -1;
}

bool parse(Word Value, Pattern *Result) {
  if (Value.Length > 2 && Value.Start[0] == '0' &&
      (Value.Start[1] == 'x' || Value.Start[1] == 'X'))
    Value = {Value.Start + 2, Value.Length - 2};
  const uptr NumBytes = Value.Length / 2;
  if (Value.Length % 2 || NumBytes > sizeof(u64) ||
      !scudo::isPowerOfTwo(NumBytes))
    return false;
  u8 Repeated[sizeof(u64)];
  for (uptr I = 0; I != sizeof(Repeated); I++) {
    const char *Digits = Value.Start + (I % NumBytes) * 2;
    const int High = hexDigit(Digits[0]);
    const int Low = hexDigit(Digits[1]);
    if (High < 0 || Low < 0)
      return false;
    Repeated[I] = static_cast<u8>(High << 4 | Low);
  }
  memcpy(&Result->Value, Repeated, sizeof(Repeated));
  return true;
}

bool parse(Word Value, Amount *Result) {
  constexpr uptr Most = 1UL << 47; // More than any address space has.
  uptr Unit = 1;
  if (Value.Length) {
    const char Last = Value.Start[Value.Length - 1];
    const int Shift = Last == 'K' || Last == 'k'   ? 10
                      : Last == 'M' || Last == 'm' ? 20
                      : Last == 'G' || Last == 'g' ? 30
                                                   : 0;
    Unit = 1UL << Shift;
    Value.Length -= Shift ? 1 : 0;
  }
  constexpr uptr MostDigits = 15; // Far from overflow, enough for Most.
  if (Value.Length == 0 || Value.Length > MostDigits)
    return false;
  uptr Number = 0;
  for (uptr I = 0; I != Value.Length; I++) {
    if (Value.Start[I] < '0' || Value.Start[I] > '9')
      return false;
    Number = Number * 10 + static_cast<uptr>(Value.Start[I] - '0');
  }
  if (Number > Most / Unit)
    return false;
  Result->Value = Number * Unit;
  return true;
}

bool parse(Word Value, Bytes *Result) {
  constexpr uptr Least = 64UL << 10;
  constexpr uptr Most = 1UL << 30;
  Amount Any;
  if (!parse(Value, &Any) || Any.Value < Least || Any.Value > Most ||
      !scudo::isPowerOfTwo(Any.Value))
    return false;
  Result->Value = Any.Value;
  return true;
}

// A line put together without allocating; what does not fit is cut. Whatever
// the environment says, it stays one line and does nothing to a terminal.
class Line {
public:
  Line &add(Word Part) {
    const uptr Room = sizeof(Text) - 2 - Length; // For "\n" and the end.
    const uptr N = scudo::Min(Part.Length, Room);
    for (uptr I = 0; I != N; I++) {
      const char C = Part.Start[I];
      const bool IsControl = (C >= 0 && C < ' ') || C == 0x7f;
      Text[Length++] = IsControl ? '?' : C;
    }
    return *this;
  }
  Line &add(const char *Part) { return add(Word{Part, strlen(Part)}); }
  const char *end() {
    Text[Length] = '\n';
    Text[Length + 1] = '\0';
    return Text;
  }

private:
  char Text[512];
  uptr Length = 0;
};

template <typename T>
void readValue(const char *Name, const char *Description, Word Value,
               T *Variable, OptionComplaint Complain) {
  if (parse(Value, Variable))
    return;
  Line L;
  L.add("refpage: REFPAGE_OPTIONS: bad value '").add(Value);
  L.add("' for '").add(Name).add("', the default is used; it takes ");
  Complain(L.add(Description).end());
}

void readPair(Word Pair, Options *Result, OptionComplaint Complain) {
  const void *Equals = memchr(Pair.Start, '=', Pair.Length);
  if (!Equals) {
    Line L;
    L.add("refpage: REFPAGE_OPTIONS: '").add(Pair);
    Complain(L.add("' is not key=value, ignored").end());
    return;
  }
  const uptr NameLength =
      static_cast<uptr>(static_cast<const char *>(Equals) - Pair.Start);
  const Word Key = {Pair.Start, NameLength};
  const Word Value = {Pair.Start + NameLength + 1,
                      Pair.Length - NameLength - 1};
#define REFPAGE_OPTION(Type, Name, Default, Description)                       \
  if (Key.is(#Name)) {                                                         \
    readValue(#Name, Description, Value, &Result->Name, Complain);             \
    return;                                                                    \
  }
#include "allocator/options.inc"
#undef REFPAGE_OPTION
  Line L;
  L.add("refpage: REFPAGE_OPTIONS: unknown option '").add(Key);
  Complain(L.add("', ignored; help=1 prints all").end());
}

void complainOnStderr(const char *Text) {
  writeAll(STDERR_FILENO, Text, strlen(Text));
}

} // namespace

void parseOptions(const char *Text, Options *Result, OptionComplaint Complain) {
  if (!Text)
    return;
  while (*Text) {
    const uptr Length = strcspn(Text, ":");
    if (Length)
      readPair({Text, Length}, Result, Complain);
    Text += Length;
    if (*Text)
      Text++;
  }
}

const char *getVariantName(Variant V) {
  for (const Spelling<Variant> &S : Variants)
    if (S.Value == V)
      return S.Text;
  return "";
}

void printOptionHelp(OptionComplaint Print) {
  Print("refpage: REFPAGE_OPTIONS takes key=value pairs parted by colons:\n");
#define REFPAGE_OPTION(Type, Name, Default, Description)                       \
  {                                                                            \
    Line L;                                                                    \
    Print(L.add("  " #Name ": ").add(Description).end());                      \
  }
#include "allocator/options.inc"
#undef REFPAGE_OPTION
}

const Options &getOptions() {
  static Options ProcessOptions;
  // Two threads can both find it unread; the second one waits for the first.
  enum State : u32 { Unread, Reading, Read };
  static scudo::atomic_u32 Progress;
  if (scudo::atomic_load(&Progress, scudo::memory_order_acquire) == Read)
    return ProcessOptions;
  if (scudo::atomic_compare_exchange_strong(
          &Progress, Unread, Reading, scudo::memory_order_acquire) == Unread) {
    parseOptions(getTrustedEnv("REFPAGE_OPTIONS"), &ProcessOptions,
                 complainOnStderr);
    if (ProcessOptions.help)
      printOptionHelp(complainOnStderr);
    scudo::atomic_store(&Progress, Read, scudo::memory_order_release);
  }
  while (scudo::atomic_load(&Progress, scudo::memory_order_acquire) != Read)
    ;
  return ProcessOptions;
}

} // namespace refpage
