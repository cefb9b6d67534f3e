// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What of tagged memory works here, found out by trying.

#ifndef REFPAGE_PLATFORM_TAG_SUPPORT_H_
#define REFPAGE_PLATFORM_TAG_SUPPORT_H_

#include "platform/types.h"

namespace refpage {

// Emulators accept some of it without effect: QEMU's user mode shows no tags in
// memory files and loses them in mremap().
struct TagSupport {
  bool Memory = false; // Anonymous memory holds tags.
  bool Files = false;  // Private views of a sealed memory file show its tags,
                       // or no file could be made to try it with.
  bool Moves = false;  // mremap() takes tags along.
};

// All false where hasMemoryTags() is. Maps a few pages and a memory file, and
// gives them back; does not touch `errno`.
TagSupport probeTagSupport();

// What was found when it was first asked for. Thread-safe, without locks: two
// threads may both probe.
TagSupport getTagSupport();

} // namespace refpage

#endif // REFPAGE_PLATFORM_TAG_SUPPORT_H_
