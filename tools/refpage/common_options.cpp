// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/common_options.h"

#include <errno.h>
#include <stdlib.h>

namespace refpage {
namespace {

// No short options, so that there is none to be taken for a command's.
enum Keys : int { JsonKey = 0x1000, LibraryKey };

error_t parseCommonOption(int Key, char *Argument, argp_state *State) {
  CommonOptions &Options = *static_cast<CommonOptions *>(State->input);
  switch (Key) {
  case JsonKey:
    Options.Json = true;
    return 0;
  case LibraryKey:
    Options.Library = takePath("--library", Argument, State);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

constexpr argp_option JsonOption = {
    "json", JsonKey, nullptr, 0, "Write JSON in place of a table", 1};

} // namespace

const argp_child *commonOptions() {
  static const argp_option Options[] = {JsonOption, {}};
  static const argp Parser = {Options, parseCommonOption, nullptr, nullptr,
                              nullptr, nullptr,           nullptr};
  static const argp_child Children[] = {{&Parser, 0, nullptr, 0}, {}};
  return Children;
}

const argp_child *launchOptions() {
  static const argp_option Options[] = {
      JsonOption,
      {"library", LibraryKey, "FILE", 0,
       "The allocator to use (default: $REFPAGE_LIBRARY, or what was installed "
       "with this program)",
       1},
      {}};
  static const argp Parser = {Options, parseCommonOption, nullptr, nullptr,
                              nullptr, nullptr,           nullptr};
  static const argp_child Children[] = {{&Parser, 0, nullptr, 0}, {}};
  return Children;
}

unsigned long parseNumber(const char *Option, const char *Value,
                          unsigned long Least, unsigned long Most,
                          const argp_state *State) {
  char *End;
  errno = 0;
  const unsigned long Number = strtoul(Value, &End, 10);
  if (Value[0] < '0' || Value[0] > '9' || *End || errno || Number < Least ||
      Number > Most)
    argp_error(State, "%s takes a number from %lu to %lu, not '%s'", Option,
               Least, Most, Value);
  return Number;
}

const char *takePath(const char *Option, const char *Value,
                     const argp_state *State) {
  if (!*Value)
    argp_error(State, "%s needs the path of a file", Option);
  return Value;
}

char **takeCommand(argp_state *State) {
  char **Command = State->argv + State->next - 1;
  State->next = State->argc;
  return Command;
}

} // namespace refpage
