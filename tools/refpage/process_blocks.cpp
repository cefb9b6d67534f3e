// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/process_blocks.h"

#include "tools/refpage/failure.h"
#include "tools/refpage/table.h"

#include "allocator/large_block.h"
#include "platform/other_mappings.h"
#include "platform/other_pages.h"
#include "platform/other_process.h"

#include <string.h>

#include <algorithm>
#include <map>
#include <set>

namespace refpage {
namespace {

constexpr char MemfdName[] = "/memfd:scudo:refpage";
constexpr char KernelName[] = "anon_inode:[refpage]";
// In the program or library that has the allocator in it: what `help=1` begins
// with (allocator/options.cpp).
constexpr char Mark[] = "refpage: REFPAGE_OPTIONS takes key=value pairs";

constexpr char WithoutMemory[] =
    " has no memory to look at: it has exited, or is the kernel's";

bool startsWith(const char *Text, const char *Prefix) {
  return strncmp(Text, Prefix, strlen(Prefix)) == 0;
}

bool isWindow(const OtherMapping &M) {
  return startsWith(M.Name, MemfdName) || strstr(M.Name, KernelName);
}
bool isAnonymous(const OtherMapping &M) {
  return M.Inode == 0 && (!*M.Name || startsWith(M.Name, "[anon:"));
}
bool isAccessible(const OtherMapping &M) {
  return M.IsReadable || M.IsWritable;
}
// What a block's committed range can be made of.
bool canBeOfBlock(const OtherMapping &M) {
  return !M.IsShared && !M.IsExecutable && (isWindow(M) || isAnonymous(M));
}
// Reserved address space: a guard page, perhaps with what was never committed.
bool canBeGuard(const OtherMapping &M) {
  return !isAccessible(M) && isAnonymous(M) && !M.IsShared &&
         M.Resident + M.Swapped == 0;
}

const char *getWindowBackend(const OtherMapping &M) {
  return startsWith(M.Name, MemfdName) ? getBackendName(Backend::MemfdWindow)
                                       : "kernel";
}

// A block's header, as found in the process.
struct FoundHeader {
  uptr Address = 0;
  LargeHeader Header;
  scudo::Chunk::UnpackedHeader Chunk;

  // free() says so in the chunk's header, before it breaks the seal of ours,
  // which nobody outside can check.
  bool isFreed() const { return Chunk.State == scudo::Chunk::State::Available; }
};

// One look at a process.
class Looker {
public:
  Looker(int ProcessId, bool MapsOnly) : Pid(ProcessId) {
    check(Process.open(Pid));
    OtherProcess::Name Name;
    check(Process.getName(&Name));
    Result.Name = makePrintable(Name.Text);
    check(Pages.open(Process));
    if (!MapsOnly && Process.openFile("mem", &Memory) == 0)
      Result.HasHeaders = true;
  }
  ~Looker() { closeFile(Memory); }
  Looker(const Looker &) = delete;
  void operator=(const Looker &) = delete;

  ProcessBlocks look();

private:
  [[noreturn]] void fail(int Error) const;
  void check(int Error) const {
    if (Error)
      fail(Error);
  }
  std::string describe() const;

  void readMappings();
  bool hasMark() const;
  void expectOurs() const;
  bool readFront(uptr Base, uptr Size, std::vector<char> *Bytes);
  bool findHeader(const OtherMapping &First, FoundHeader *Found);
  bool isPlausible(const FoundHeader &Found, uptr Base) const;
  size_t getGroupEnd(size_t First) const;
  bool isMapped(size_t First, uptr Size) const;
  void addLive(size_t First, const FoundHeader &Found);
  void addGroup(size_t First, size_t End, bool IsFreed, const char *Backend);
  void sortPages(size_t First, FoundBlock *Block);
  bool areLinksComplete() const;
  void findWindows();

  const int Pid;
  OtherProcess Process;
  OtherPages Pages;
  int Memory = -1;
  std::vector<OtherMapping> Mappings;
  std::vector<FoundHeader> Headers; // Of live blocks.
  ProcessBlocks Result;
};

std::string Looker::describe() const {
  std::string Text = "process " + std::to_string(Pid);
  return Result.Name.empty() ? Text : Text + " (" + Result.Name + ")";
}

void Looker::fail(int Error) const {
  switch (Error) {
  case ENOTSUP:
    throw Failure("there is no /proc to look at processes with", Trouble);
  case ESRCH:
    throw Failure(Result.Name.empty() ? "there is no " + describe()
                                      : describe() + WithoutMemory,
                  NoProcess);
  case EACCES:
  case EPERM:
    throw Failure("no permission to look into " + describe() +
                      ": it is another user's, or has rights that you have "
                      "not (set-user-ID). Root may, and who has CAP_SYS_PTRACE",
                  NoPermission);
  default:
    throw Failure(describe() + ": " + strerror(Error), Trouble);
  }
}

void Looker::readMappings() {
  OtherMappings Reader;
  check(Reader.open(Process));
  Mappings.clear();
  OtherMapping M;
  int Error;
  while (Reader.next(&M, &Error))
    Mappings.push_back(M);
  check(Error);
  if (Mappings.empty())
    fail(ESRCH);
}

// Whether the program has the allocator linked in.
bool Looker::hasMark() const {
  int Exe;
  if (Process.openFile("exe", &Exe) != 0)
    return false;
  // Parts that overlap, so that the mark is whole in one.
  std::vector<char> Part(1 << 20);
  const size_t Step = Part.size() - sizeof(Mark);
  bool Found = false;
  uptr Got = Part.size();
  for (u64 At = 0; !Found && Got == Part.size(); At += Step)
    Found = readAt(Exe, Part.data(), Part.size(), At, &Got) == 0 &&
            memmem(Part.data(), Got, Mark, sizeof(Mark) - 1);
  closeFile(Exe);
  return Found;
}

void Looker::expectOurs() const {
  for (const OtherMapping &M : Mappings) {
    const char *File = strrchr(M.Name, '/');
    if (isWindow(M) || (File && startsWith(File + 1, "libscudo_refpage")))
      return;
  }
  if (!hasMark())
    throw Failure(describe() + " does not use the allocator", NotOurs);
}

// Reads what is there of a range; what is not reads as zeros, and clean pages
// as such: to read one would map it, and change what is looked at.
bool Looker::readFront(uptr Base, uptr Size, std::vector<char> *Bytes) {
  Bytes->assign(Size, 0);
  bool Any = false;
  check(Pages.forEachRun(Base, Size, [&](const OtherPageRun &Run) {
    if (Run.Is == OtherPage::File || Run.Is == OtherPage::ZeroPage)
      return;
    uptr Got;
    if (readAt(Memory, Bytes->data() + (Run.Base - Base), Run.Size, Run.Base,
               &Got) == 0)
      Any |= Got != 0;
  }));
  return Any;
}

// Whether it can be the header of a block whose committed range starts at Base:
// a block in use says so; one that is kept may have been moved since, or cut.
bool Looker::isPlausible(const FoundHeader &Found, uptr Base) const {
  const BlockSpan &S = Found.Header.Span;
  const uptr PageSize = scudo::getPageSizeCached();
  const auto IsPages = [&](uptr Value) {
    return Value && Value % PageSize == 0;
  };
  return IsPages(S.MapBase) && IsPages(S.MapSize) && IsPages(S.CommitBase) &&
         IsPages(S.CommitSize) && S.MapBase < S.CommitBase &&
         S.CommitSize < S.MapSize &&
         S.CommitBase - S.MapBase < S.MapSize - S.CommitSize &&
         S.MapBase + S.MapSize > S.MapBase && // It may say anything.
         static_cast<u32>(S.Backed.Kind) < NumBackends &&
         S.Backed.FilledBytes <= S.CommitSize &&
         (Found.isFreed() || S.CommitBase == Base);
}

// A block's header is in its first pages: a block that is used again may leave
// four unused in front of it (BlockCache). Behind a live one there is none.
bool Looker::findHeader(const OtherMapping &First, FoundHeader *Found) {
  constexpr uptr MostPages = 7;
  const uptr PageSize = scudo::getPageSizeCached();
  std::vector<char> Bytes;
  if (!readFront(
          First.Base,
          std::max(scudo::Min(MostPages * PageSize, First.size()), PageSize),
          &Bytes))
    return false;
  constexpr uptr Needed = LargeHeaderSize + sizeof(scudo::Chunk::PackedHeader);
  bool AnyFreed = false;
  for (uptr At = 0; At + Needed <= Bytes.size(); At += alignof(LargeHeader)) {
    FoundHeader Here;
    Here.Address = First.Base + At;
    memcpy(static_cast<void *>(&Here.Header), Bytes.data() + At,
           sizeof(LargeHeader));
    memcpy(&Here.Chunk, Bytes.data() + At + LargeHeaderSize,
           sizeof(Here.Chunk));
    if (!isPlausible(Here, First.Base) || (Here.isFreed() && AnyFreed))
      continue;
    *Found = Here;
    if (!Here.isFreed())
      return true;
    AnyFreed = true;
  }
  return AnyFreed;
}

// The mappings from First on that can be of one block, by their looks.
size_t Looker::getGroupEnd(size_t First) const {
  const bool Accessible = isAccessible(Mappings[First]);
  size_t End = First + 1;
  while (End != Mappings.size() &&
         Mappings[End].Base == Mappings[End - 1].End &&
         canBeOfBlock(Mappings[End]) && !canBeGuard(Mappings[End]) &&
         isAccessible(Mappings[End]) == Accessible)
    End++;
  return End;
}

// Whether Size bytes from the start of First on are mapped without a hole.
bool Looker::isMapped(size_t First, uptr Size) const {
  const uptr End = Mappings[First].Base + Size;
  size_t I = First;
  while (Mappings[I].End < End) {
    if (I + 1 == Mappings.size() || Mappings[I + 1].Base != Mappings[I].End)
      return false;
    I++;
  }
  return true;
}

void Looker::sortPages(size_t First, FoundBlock *Block) {
  const uptr End = Block->Base + Block->Size;
  PageUse &Use = Block->Pages;
  uptr There = 0;
  for (size_t I = First; I != Mappings.size() && Mappings[I].Base < End; I++) {
    const OtherMapping &M = Mappings[I];
    const uptr PartEnd = std::min(M.End, End);
    check(
        Pages.forEachRun(M.Base, PartEnd - M.Base, [&](const OtherPageRun &R) {
          There += R.Size;
          const uptr FilledEnd = Block->Base + Block->FilledFront;
          const uptr Filled =
              R.Base < FilledEnd ? std::min(R.Size, FilledEnd - R.Base) : 0;
          switch (R.Is) {
          case OtherPage::File:
          case OtherPage::ZeroPage:
            Use.Read += R.Size;
            break;
          case OtherPage::Exclusive:
            Use.Filled += Filled;
            Use.Written += R.Size - Filled;
            break;
          case OtherPage::Shared:
            // Pages of the module's that the kernel does not count.
            (M.IsMixed ? Use.Read : Use.Shared) += R.Size;
            break;
          case OtherPage::Swapped:
            Use.Swapped += R.Size;
            break;
          }
        }));
  }
  Use.Untouched = Block->Size - There;
}

void Looker::addLive(size_t First, const FoundHeader &Found) {
  const BlockSpan &Span = Found.Header.Span;
  FoundBlock Block;
  Block.Base = Span.CommitBase;
  Block.Size = Span.CommitSize;
  const uptr UserPos =
      Found.Address + LargeHeaderSize + scudo::Chunk::getHeaderSize();
  const uptr Used = Span.commitEnd() - UserPos;
  if (Found.Chunk.State == scudo::Chunk::State::Allocated &&
      Found.Chunk.ClassId == 0 && Found.Chunk.SizeOrUnusedBytes < Used)
    Block.Asked = Used - Found.Chunk.SizeOrUnusedBytes;
  Block.Backend = getBackendName(Span.Backed.Kind);
  Block.ViewsWindow = Span.Backed.hasWindow();
  Block.FilledFront = Span.Backed.FilledBytes;
  sortPages(First, &Block);
  for (size_t I = First;
       I != Mappings.size() && Mappings[I].Base < Span.commitEnd(); I++) {
    Result.Resident += Mappings[I].Resident;
    Result.Proportional += Mappings[I].Proportional;
    Result.Huge += Mappings[I].Huge;
  }
  Result.Live.push_back(std::move(Block));
  Headers.push_back(Found);
}

// A block as its mappings look.
void Looker::addGroup(size_t First, size_t End, bool IsFreed,
                      const char *Backend) {
  FoundBlock Block;
  Block.Base = Mappings[First].Base;
  Block.Size = Mappings[End - 1].End - Block.Base;
  Block.Backend = Backend;
  for (size_t I = First; I != End; I++) {
    if (isWindow(Mappings[I])) {
      Block.Backend = getWindowBackend(Mappings[I]);
      Block.ViewsWindow = true;
    } else if (!Block.ViewsWindow && Block.Backend != "zero") {
      Block.FilledFront = Mappings[I].End - Block.Base;
    }
    if (!IsFreed) {
      Result.Resident += Mappings[I].Resident;
      Result.Proportional += Mappings[I].Proportional;
      Result.Huge += Mappings[I].Huge;
    }
  }
  sortPages(First, &Block);
  (IsFreed ? Result.Kept : Result.Live).push_back(std::move(Block));
}

// Neighbours in the list, with any tag.
bool Looker::areLinksComplete() const {
  std::set<uptr> Known = {0};
  for (const FoundHeader &H : Headers)
    Known.insert(H.Address);
  size_t Ends = 0;
  for (const FoundHeader &H : Headers) {
    for (const LargeHeader *Link : {H.Header.Prev, H.Header.Next}) {
      const uptr Address = reinterpret_cast<uptr>(Link) & ((1UL << 56) - 1);
      if (!Known.count(Address))
        return false;
      Ends += Address == 0;
    }
  }
  return Ends == (Headers.empty() ? 0 : 2);
}

void Looker::findWindows() {
  std::map<u64, FoundWindow> ByInode;
  for (const char *Prefix : {MemfdName, KernelName})
    check(Process.forEachOpenFile(Prefix,
                                  [&](const OtherProcess::OpenFile &File) {
                                    FoundWindow &W = ByInode[File.Inode];
                                    W.IsKernelMade = Prefix == KernelName;
                                    W.IsOpen = true;
                                    W.Size = File.Size;
                                    W.Memory = File.Memory;
                                  }));
  for (const OtherMapping &M : Mappings) {
    if (!isWindow(M))
      continue;
    FoundWindow &W = ByInode[M.Inode];
    W.Mappings++;
    W.IsKernelMade = !startsWith(M.Name, MemfdName);
    if (!W.IsOpen && !W.IsKernelMade)
      W.Size = W.Memory = std::max<u64>(W.Size, M.Offset + M.size());
  }
  for (const auto &[Inode, W] : ByInode) {
    Result.Windows.push_back(W);
    Result.Windows.back().Inode = Inode;
  }
}

ProcessBlocks Looker::look() {
  readMappings();
  uptr Done = 0;
  for (size_t I = 1; I < Mappings.size(); I++) {
    const OtherMapping &M = Mappings[I];
    const OtherMapping &Before = Mappings[I - 1];
    // Behind a guard page; or what was cut off from a kept block that is used
    // again, where the guard pages look like the rest.
    if (M.Base < Done || !canBeOfBlock(M) || canBeGuard(M) ||
        Before.End != M.Base ||
        (isAccessible(Before) && (isAccessible(M) || !isWindow(M))))
      continue;
    FoundHeader Found;
    const bool HasHeader = Result.HasHeaders && findHeader(M, &Found);
    if (HasHeader && !Found.isFreed() &&
        isMapped(I, Found.Header.Span.CommitSize)) {
      addLive(I, Found);
      Done = Found.Header.Span.commitEnd();
      continue;
    }
    const size_t End = getGroupEnd(I);
    const bool Views =
        std::any_of(Mappings.begin() + static_cast<ptrdiff_t>(I),
                    Mappings.begin() + static_cast<ptrdiff_t>(End), isWindow);
    if (!Views && !(HasHeader && Found.isFreed()))
      continue;
    addGroup(I, End, Result.HasHeaders || !isAccessible(M),
             HasHeader ? getBackendName(Found.Header.Span.Backed.Kind) : "");
    Done = Mappings[End - 1].End;
  }
  if (Result.Live.empty() && Result.Kept.empty())
    expectOurs();
  findWindows();
  Result.KnowsZeroPage = Pages.knowsZeroPage();
  Result.IsComplete = Result.HasHeaders && areLinksComplete();
  return std::move(Result);
}

} // namespace

void PageUse::add(const PageUse &Other) {
  Untouched += Other.Untouched;
  Read += Other.Read;
  Written += Other.Written;
  Filled += Other.Filled;
  Shared += Other.Shared;
  Swapped += Other.Swapped;
}

// A process that allocates meanwhile is looked at again.
ProcessBlocks findBlocks(int Pid, bool MapsOnly) {
  constexpr int MostTries = 3;
  for (int Try = 1;; Try++) {
    ProcessBlocks Found = Looker(Pid, MapsOnly).look();
    if (Found.IsComplete || !Found.HasHeaders || Try == MostTries)
      return Found;
  }
}

} // namespace refpage
