// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The memory mappings a large block is made of.
//
// Addresses and sizes are in bytes and multiples of the page size. Every
// function returns 0 or the errno of the system call that failed; none touches
// `errno`, takes a lock or allocates, so all are safe in any thread and in the
// child of a fork.

#ifndef REFPAGE_PLATFORM_MAPPING_H_
#define REFPAGE_PLATFORM_MAPPING_H_

#include "platform/types.h"

namespace refpage {

// Takes Size bytes of inaccessible address space and sets *Base to it. Charges
// no memory: an inaccessible private mapping does not count towards the
// overcommit limit (mm/mmap.c, accountable_mapping()).
int reserveMemory(uptr Size, uptr *Base);

// Makes a range of reserved memory readable and writable; its clean pages read
// as zero. A failure leaves the reservation as it was.
int commitReserved(uptr Base, uptr Size);

// Replaces whatever is mapped at Base with readable and writable anonymous
// memory that reads as zero.
int mapAnonymousOver(uptr Base, uptr Size);

// Replaces whatever is mapped at Base with a private (copy on write) view of
// the first Size bytes of Fd. After a failure the range may be unmapped: see
// reserveHole().
int mapFileOver(int Fd, uptr Base, uptr Size);

// Puts inaccessible address space back where a failed map...Over() left a
// hole. Kernels before 6.12 unmap the old range before they find out that they
// cannot make the new mapping; another thread could be given the hole. A range
// that is still mapped is left alone.
void reserveHole(uptr Base, uptr Size);

int unmapMemory(uptr Base, uptr Size);

// Drops the written pages of a range. Private views of a file show the file's
// bytes again; anonymous memory reads as zero.
int discardPages(uptr Base, uptr Size);

// Makes pages of the range resident and writable in one call. ENOTSUP where
// the kernel cannot (before 5.14).
int populatePages(uptr Base, uptr Size);

// Asks for huge pages in the range; a hint.
void adviseHugePages(uptr Base, uptr Size);

} // namespace refpage

#endif // REFPAGE_PLATFORM_MAPPING_H_
