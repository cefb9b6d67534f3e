// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/choices.h"

#include "platform/memory_tag.h"
#include "platform/tag_support.h"
#include "refpage_backend/backends.h"

#include <string.h>

#include <memory>

namespace refpage {
namespace {

struct Case {
  uptr Size;
  const char *Use;
  bool IsCleared; // calloc
  bool IsDense;
};

constexpr Case Cases[] = {
    {256UL << 10, "not known", false, false},
    {1UL << 20, "not known", false, false},
    {64UL << 20, "not known", false, false},
    {1UL << 20, "written whole", false, true},
    {1UL << 20, "calloc", true, false},
};

// As the Secondary asks for it.
Contents getContents(const Options &Asked, bool IsCleared) {
  Contents Holds;
  if (!IsCleared && Asked.variant != Variant::Anon)
    Holds.Pattern = Asked.pattern.Value;
  // Any tag: which one is random.
  if (Asked.tag != TagRequest::Off && getTagSupport().Memory)
    Holds.Tag = 1;
  return Holds;
}

ChosenBackend ask(const Options &Asked, const Case &C) {
  ChosenBackend Answer = {C.Size, C.Use, "", "", "", 0};
  // A new one each time: windows grow with the demand.
  const auto Memory = std::make_unique<Backends>();
  Memory->init(Asked.variant == Variant::Memset ? BackendRequest::Memset
                                                : Asked.backend,
               Asked.window_max.Value);
  uptr Base;
  if (reserveMemory(C.Size, &Base) != 0)
    return Answer;
  Backing Made;
  if (Memory->commit(Base, C.Size, getContents(Asked, C.IsCleared),
                     C.IsDense ? C.Size : 0, &Made) == 0) {
    Answer.Name = getBackendName(Made.Kind);
    Answer.Mappings = 1 + Made.countExtraMappings(C.Size);
    Memory->forget(C.Size, Made);
  }
  unmapMemory(Base, C.Size);
  BackendStats Stats;
  Memory->getStats(&Stats);
  for (u32 I = 0; I != NumReasons; I++) {
    if (!Stats.Reasons[I])
      continue;
    Answer.Reason = getReasonText(static_cast<Reason>(I));
    if (Stats.LastErrors[I])
      Answer.Error = strerror(Stats.LastErrors[I]);
  }
  Memory->close();
  return Answer;
}

} // namespace

std::vector<ChosenBackend> askForChoices(const Options &Asked) {
  std::vector<ChosenBackend> Answers;
  for (const Case &C : Cases)
    Answers.push_back(ask(Asked, C));
  return Answers;
}

} // namespace refpage
