// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/support/memory.h"

#include "tests/support/emulator.h"

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <iterator>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

namespace refpage_test {

uint8_t patternByteAt(uint64_t Pattern, const volatile void *Address) {
  uint8_t Bytes[sizeof(Pattern)];
  memcpy(Bytes, &Pattern, sizeof(Pattern));
  return Bytes[reinterpret_cast<uintptr_t>(Address) % sizeof(Pattern)];
}

ptrdiff_t findNotPattern(const void *Ptr, size_t From, size_t To,
                         uint64_t Pattern) {
  const uint8_t *Bytes = static_cast<const uint8_t *>(Ptr);
  size_t I = From;
  for (; I < To && reinterpret_cast<uintptr_t>(Bytes + I) % sizeof(Pattern);
       I++)
    if (Bytes[I] != patternByteAt(Pattern, Bytes + I))
      return static_cast<ptrdiff_t>(I);
  // By words as far as that goes: some tests look at a GiB.
  for (; I + sizeof(Pattern) <= To; I += sizeof(Pattern)) {
    uint64_t Word;
    memcpy(&Word, Bytes + I, sizeof(Word));
    if (Word != Pattern)
      break;
  }
  for (; I < To; I++)
    if (Bytes[I] != patternByteAt(Pattern, Bytes + I))
      return static_cast<ptrdiff_t>(I);
  return -1;
}

int makePatternFile(size_t Size, uint64_t Pattern) {
  const int Fd = memfd_create("test", MFD_CLOEXEC);
  const std::vector<uint64_t> Words(Size / sizeof(Pattern), Pattern);
  return write(Fd, Words.data(), Size) == static_cast<ssize_t>(Size) ? Fd : -1;
}

std::vector<MapLine> readMaps() {
  std::vector<MapLine> Lines;
  FILE *File = fopen("/proc/self/maps", "r");
  if (!File)
    return Lines;
  char Text[PATH_MAX + 128];
  while (fgets(Text, sizeof(Text), File)) {
    MapLine Line;
    char Permissions[5] = {};
    int NameAt = 0;
    if (sscanf(Text, "%lx-%lx %4s %*s %*s %*s %n", &Line.Start, &Line.End,
               Permissions, &NameAt) < 3)
      continue;
    Line.Permissions = Permissions;
    Line.Name = Text + NameAt;
    while (!Line.Name.empty() && Line.Name.back() == '\n')
      Line.Name.pop_back();
    Lines.push_back(Line);
  }
  fclose(File);
  return Lines;
}

std::string nameOfMapping(uintptr_t Address) {
  for (const MapLine &Line : readMaps())
    if (Line.Start <= Address && Address < Line.End)
      return Line.Name;
  return std::string();
}

size_t countMaps() { return readMaps().size(); }

static size_t readStatm(int Field) {
  size_t Values[2] = {};
  FILE *File = fopen("/proc/self/statm", "r");
  if (!File || fscanf(File, "%zu %zu", &Values[0], &Values[1]) != 2)
    abort();
  fclose(File);
  return Values[Field] * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// /proc/self/statm is about the emulator and all that it has for itself. It
// leaves its own out of /proc/self/maps, and addresses are the kernel's.
static size_t countEmulatedVirtualBytes() {
  size_t Bytes = 0;
  for (const MapLine &Line : readMaps())
    Bytes += Line.End - Line.Start;
  return Bytes;
}

static size_t countEmulatedResidentBytes() {
  // What the Primary has reserved: nothing is in it, and it takes long to see.
  constexpr size_t MaxInaccessible = 1UL << 30;
  const size_t PageSize = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const int Fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (Fd == -1)
    abort();
  size_t Pages = 0;
  for (const MapLine &Line : readMaps()) {
    if (Line.Permissions[0] == '-' && Line.End - Line.Start > MaxInaccessible)
      continue;
    uint64_t Entries[512];
    for (size_t First = Line.Start / PageSize, End = Line.End / PageSize;
         First != End;) {
      const size_t Wanted = std::min(End - First, std::size(Entries));
      const ssize_t Got = pread(Fd, Entries, Wanted * sizeof(uint64_t),
                                static_cast<off_t>(First * sizeof(uint64_t)));
      if (Got <= 0)
        break; // Of the kernel's own.
      const size_t Count = static_cast<size_t>(Got) / sizeof(uint64_t);
      for (size_t I = 0; I != Count; I++)
        Pages += Entries[I] >> 63;
      First += Count;
    }
  }
  close(Fd);
  return Pages * PageSize;
}

size_t getVirtualBytes() {
  return getEmulator() ? countEmulatedVirtualBytes() : readStatm(0);
}
size_t getResidentBytes() {
  return getEmulator() ? countEmulatedResidentBytes() : readStatm(1);
}

std::vector<int> listDescriptors() {
  std::vector<int> Numbers;
  DIR *Directory = opendir("/proc/self/fd");
  if (!Directory)
    return Numbers;
  while (const dirent *Entry = readdir(Directory)) {
    const int Number = atoi(Entry->d_name);
    if (Entry->d_name[0] != '.' && Number != dirfd(Directory))
      Numbers.push_back(Number);
  }
  closedir(Directory);
  return Numbers;
}

std::string describeDescriptor(int Fd) {
  char Link[PATH_MAX];
  const std::string Path = "/proc/self/fd/" + std::to_string(Fd);
  const ssize_t Length = readlink(Path.c_str(), Link, sizeof(Link));
  return Length < 0 ? std::string() : std::string(Link, Link + Length);
}

std::vector<int> listWindowDescriptors() {
  std::vector<int> Numbers;
  for (int Number : listDescriptors()) {
    const std::string Link = describeDescriptor(Number);
    if (Link.find("scudo:refpage") != std::string::npos ||
        Link == "anon_inode:[refpage]")
      Numbers.push_back(Number);
  }
  return Numbers;
}

} // namespace refpage_test
