// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/tagging.h"

#include "platform/process.h"
#include "platform/tag_support.h"

#include "atomic_helpers.h"

#include <string.h>

namespace refpage {
namespace {

// REFPAGE_TAG_STATE(Name, Text)
#define REFPAGE_TAG_STATES(REFPAGE_TAG_STATE)                                  \
  REFPAGE_TAG_STATE(NotStarted, "off, not started")                            \
  REFPAGE_TAG_STATE(On, "on")                                                  \
  REFPAGE_TAG_STATE(NotAsked, "off, the options ask for it")                   \
  REFPAGE_TAG_STATE(NoTags, "off, this machine has none")                      \
  REFPAGE_TAG_STATE(HadThreads,                                                \
                    "off, the program had threads before it had a heap, or "   \
                    "that cannot be seen")                                     \
  REFPAGE_TAG_STATE(NoMemory, "off, memory cannot be mapped with them")        \
  REFPAGE_TAG_STATE(NoChecks, "off, the kernel refuses to check them")         \
  REFPAGE_TAG_STATE(Stopped, "off, the program has switched them off")

enum class State : u8 {
#define REFPAGE_TAG_STATE(Name, Text) Name,
  REFPAGE_TAG_STATES(REFPAGE_TAG_STATE)
#undef REFPAGE_TAG_STATE
};

const char *const StateTexts[] = {
#define REFPAGE_TAG_STATE(Name, Text) Text,
    REFPAGE_TAG_STATES(REFPAGE_TAG_STATE)
#undef REFPAGE_TAG_STATE
};

scudo::atomic_u8 Current = {};
scudo::atomic_s32 LastError = {};

State getState() {
  return static_cast<State>(scudo::atomic_load_relaxed(&Current));
}

State tryStart(TagRequest Asked) {
  if (Asked == TagRequest::Off)
    return State::NotAsked;
  if (!hasMemoryTags())
    return State::NoTags;
  // Their checks could not be turned on, and worse: the kernel would refuse
  // tagged pointers from them.
  if (!isSingleThreaded())
    return State::HadThreads;
  if (!getTagSupport().Memory)
    return State::NoMemory;
  if (Asked == TagRequest::Auto && getTagChecks() != TagChecks::Off)
    return State::On;
  const int Error = setTagChecks(Asked == TagRequest::Async ? TagChecks::Async
                                                            : TagChecks::Sync);
  if (Error)
    scudo::atomic_store_relaxed(&LastError, Error);
  return Error ? State::NoChecks : State::On;
}

} // namespace

bool startTagging(TagRequest Asked) {
  if (getState() == State::Stopped)
    return false;
  const State New = tryStart(Asked);
  scudo::atomic_store_relaxed(&Current, static_cast<u8>(New));
  return New == State::On;
}

void stopTagging() {
  const State Before = getState();
  if (Before == State::On || Before == State::NotStarted)
    scudo::atomic_store_relaxed(&Current, static_cast<u8>(State::Stopped));
}

bool areBlocksTagged() {
  return mayHaveMemoryTags() && getState() == State::On;
}

void appendTaggingReport(scudo::ScopedString *Str) {
  if (!mayHaveMemoryTags())
    return;
  const State Now = getState();
  Str->append("refpage:   memory tags: ");
  if (Now != State::On) {
    Str->append("%s", StateTexts[static_cast<u32>(Now)]);
    const int Error = scudo::atomic_load_relaxed(&LastError);
    if (Now == State::NoChecks)
      Str->append(" (%s)", strerror(Error));
    Str->append("\n");
    return;
  }
  const TagChecks Mode = getTagChecks();
  Str->append("checked %s; memory files %s them, moves %s them\n",
              Mode == TagChecks::Sync    ? "sync"
              : Mode == TagChecks::Async ? "async"
                                         : "in no way in this thread",
              getTagSupport().Files ? "keep" : "do not keep",
              getTagSupport().Moves ? "keep" : "lose");
}

} // namespace refpage
