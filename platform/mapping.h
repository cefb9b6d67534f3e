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

// The same with *Base a multiple of Alignment plus Offset: Alignment is a power
// of two, Offset less than it and whole pages. Two to three system calls.
int reserveAligned(uptr Size, uptr Alignment, uptr Offset, uptr *Base);

// Whether memory is mapped so that it can hold memory tags (PROT_MTE), which
// start as 0, or as those of the file's pages. Memory that was is for good. To
// ask for it where the kernel has no tags is an error (EINVAL, ENOTSUP).
enum class MemoryTags : u8 { None, Allowed };

// Makes a range of reserved memory readable and writable; its clean pages read
// as zero. A failure leaves the reservation as it was.
int commitReserved(uptr Base, uptr Size, MemoryTags Tags = MemoryTags::None);

// Replaces whatever is mapped at Base with readable and writable anonymous
// memory that reads as zero.
int mapAnonymousOver(uptr Base, uptr Size, MemoryTags Tags = MemoryTags::None);

// Replaces whatever is mapped at Base with a private (copy on write) view of
// Size bytes of Fd from Offset on. After a failure the range may be unmapped:
// see reserveHole().
int mapFileOver(int Fd, uptr Offset, uptr Base, uptr Size,
                MemoryTags Tags = MemoryTags::None);

// A shared writable view of a file's first Size bytes, anywhere: *Base. Its
// pages are mapped at once (256 faults less for 1 MiB).
int mapFileShared(int Fd, uptr Size, MemoryTags Tags, uptr *Base);

// Anonymous memory, anywhere (*Base), that is zeros in the child of a fork
// (MADV_WIPEONFORK, Linux 4.14).
int mapWipedOnFork(uptr Size, uptr *Base);

// Puts inaccessible address space back where a failed map...Over() left a
// hole. Kernels before 6.12 unmap the old range before they find out that they
// cannot make the new mapping; another thread could be given the hole. A range
// that is still mapped is left alone.
void reserveHole(uptr Base, uptr Size);

// Makes a range inaccessible; its pages keep what they hold. commitReserved()
// undoes it.
int protectMemory(uptr Base, uptr Size);

// Moves the pages and mappings of [From, From + Size) to To, where the caller
// has reserved address space, which is replaced; a hole is left at From. The
// ranges do not overlap. The range is made of mappings of Each bytes, the first
// of First bytes (0: as the others); where the program has split one of ours
// that is found out. Nothing is copied but page tables: 1 MiB takes 4 to 7 us
// for each mapping, which *Mappings counts. After a failure the front that was
// moved (*Moved bytes) is at To and the rest where it was, with reserved
// address space at To.
int moveMemory(uptr From, uptr To, uptr Size, uptr First, uptr Each,
               uptr *Moved, u32 *Mappings);

int unmapMemory(uptr Base, uptr Size);

// Drops the written pages of a range. Private views of a file show the file's
// bytes again; anonymous memory reads as zero.
int discardPages(uptr Base, uptr Size);

// Makes pages of the range resident and writable in one call. ENOTSUP where
// the kernel cannot (before 5.14).
int populatePages(uptr Base, uptr Size);

// Asks for huge pages in the range; a hint.
void adviseHugePages(uptr Base, uptr Size);

// Whether the kernel heeds that hint (/sys/kernel/mm/transparent_hugepage).
// Opens and reads a file; false if it cannot.
bool allowsHugePages();

} // namespace refpage

#endif // REFPAGE_PLATFORM_MAPPING_H_
