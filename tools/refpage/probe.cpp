// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// refpage probe: which ways to reference pages this machine has.

#include "tools/refpage/command.h"
#include "tools/refpage/common_options.h"
#include "tools/refpage/failure.h"
#include "tools/refpage/json_output.h"
#include "tools/refpage/table.h"

#include "refpage_backend/kernel_window.h"
#include "refpage_backend/memfd_window.h"
#include "refpage_backend/selector.h"

#include <string.h>

namespace refpage {
namespace {

error_t parseOption(int Key, char *, argp_state *State) {
  if (Key == ARGP_KEY_INIT) {
    State->child_inputs[0] = State->input;
    return 0;
  }
  return ARGP_ERR_UNKNOWN;
}

int probe(int Argc, char **Argv) {
  const argp Parser = {
      nullptr,         parseOption,
      nullptr,         "Shows which ways to reference pages this machine has.",
      commonOptions(), nullptr,
      nullptr};
  CommonOptions Common;
  argp_parse(&Parser, Argc, Argv, 0, nullptr, &Common);

  Table Shown({{"backend"}, {"state"}});
  Json Backends = Json::array();
  for (const WindowMaker *Maker :
       {&SyscallWindowMaker, &DeviceWindowMaker, &MemfdWindowMaker}) {
    Window Made;
    Made.Maker = Maker;
    const int Error = Maker->Make({repeatByte(0xab), 0}, MinWindowBlock, &Made);
    const char *Why = Error && Maker->Explain ? Maker->Explain(Error) : nullptr;
    const std::string State = !Error ? "works" : Why ? Why : strerror(Error);
    Shown.addRow({getBackendName(Maker->Kind), State});
    Backends.push_back({{"name", getBackendName(Maker->Kind)},
                        {"works", Error == 0},
                        {"reason", State}});
    if (!Error)
      giveUp(&Made.File);
  }
  if (Common.Json) {
    Json Report = startReport("probe");
    Report["backends"] = Backends;
    writeJson(stdout, Report);
  } else {
    Shown.print(stdout);
  }
  return Success;
}

} // namespace

const Command ProbeCommand = {
    "probe", "what this machine offers, and what the allocator would choose",
    probe};

} // namespace refpage
