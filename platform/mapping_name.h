// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names for anonymous memory, as /proc/PID/maps shows them: "[anon:NAME]".
// Android's tools tell memory of the heap by them. A name costs a system call
// for each reservation, so there is none unless asked for.
//
// The name stays with the memory when its protection changes and when it is
// moved. Views of files cannot have one: they show the file's.

#ifndef REFPAGE_PLATFORM_MAPPING_NAME_H_
#define REFPAGE_PLATFORM_MAPPING_NAME_H_

#include "platform/types.h"

namespace refpage {

// Names what reserveMemory(), reserveAligned() and mapAnonymousOver() map from
// now on, in any thread; nullptr: nothing. Name is kept as it is: Android's
// kernels before 5.10 read it when somebody looks. Printable ASCII without
// []\$`, at most 79 characters.
void setMappingName(const char *Name);

// Names a range that was just mapped, if there is a name. A kernel that cannot
// (without CONFIG_ANON_VMA_NAME) is not asked again. Keeps `errno`.
void nameMapping(uptr Base, uptr Size);

} // namespace refpage

#endif // REFPAGE_PLATFORM_MAPPING_NAME_H_
