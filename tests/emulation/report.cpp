// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Says in one line where tests run, and what of tagged memory works there.

#include "platform/memory_tag.h"
#include "platform/tag_support.h"

#include <stdio.h>
#include <sys/utsname.h>

using namespace refpage;

namespace {

const char *yesOrNo(bool Value) { return Value ? "yes" : "no"; }

} // namespace

int main() {
  utsname System;
  if (uname(&System) != 0)
    return 1;
  const TagSupport Support = probeTagSupport();
  printf(
      "%s, %s %s; memory tags by hwcap: %s; tags in anonymous memory: %s, in "
      "memory files: %s, kept by mremap: %s\n",
      System.machine, System.sysname, System.release, yesOrNo(hasMemoryTags()),
      yesOrNo(Support.Memory), yesOrNo(Support.Files), yesOrNo(Support.Moves));
  return 0;
}
