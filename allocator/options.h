// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the user asks for: REFPAGE_OPTIONS, key=value pairs parted by colons.
// (SCUDO_OPTIONS is upstream's and keeps working.)

#ifndef REFPAGE_ALLOCATOR_OPTIONS_H_
#define REFPAGE_ALLOCATOR_OPTIONS_H_

#include "allocator/tagging.h"
#include "refpage_backend/contents.h"
#include "refpage_backend/selector.h"

namespace refpage {

// The three that the published tables compare.
enum class Variant : u8 { Anon, Memset, Refpage };

// What is done about reads of memory that was never written.
enum class UninitMode : u8 { Off, Report };

struct Pattern {
  u64 Value;
};

// Bytes, a power of two.
struct Bytes {
  uptr Value;
};

// Any number of bytes.
struct Amount {
  uptr Value;
};

// The statistics block at exit: none, for people, for programs.
enum class StatsFormat : u8 { Off, Text, Json };

// Empty: standard error.
struct FilePath {
  char Text[256] = {};
};

// Empty: none.
struct CountsFile {
  char Text[256] = {};
};

struct Options {
#define REFPAGE_OPTION(Type, Name, Default, Description) Type Name = Default;
#include "allocator/options.inc"
#undef REFPAGE_OPTION
};

// Called for each thing that is wrong with an option string, with one line that
// names it and ends in a newline.
typedef void (*OptionComplaint)(const char *Line);

// Reads the pairs in Text (nullptr: none) into *Result. A key that is unknown
// or a value that is malformed is complained about and changes nothing.
void parseOptions(const char *Text, Options *Result, OptionComplaint Complain);

// The options of the process: read from the environment at the first call, with
// complaints on standard error. The environment of a set-user-ID program is
// ignored. Thread-safe and free of locks; does not allocate.
const Options &getOptions();

const char *getVariantName(Variant V);

// Prints every key with its default and what it means.
void printOptionHelp(OptionComplaint Print);

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_OPTIONS_H_
