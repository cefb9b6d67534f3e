// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mode of tag checks for the process as a whole.

#ifndef REFPAGE_PLATFORM_PROCESS_TAG_CHECKS_H_
#define REFPAGE_PLATFORM_PROCESS_TAG_CHECKS_H_

#include "platform/all_threads.h"
#include "platform/memory_tag.h"

namespace refpage {

// setTagChecks() in every thread, and so in all that will be created. Where
// there are no tags: EINVAL, in the calling thread. After an error some threads
// have the new mode.
AllThreadsResult setTagChecksEverywhere(TagChecks Mode);

} // namespace refpage

#endif // REFPAGE_PLATFORM_PROCESS_TAG_CHECKS_H_
