// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/machine.h"

#include "tools/refpage/format.h"

#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "platform/pagemap.h"
#include "platform/process.h"
#include "platform/tag_support.h"
#include "refpage_backend/selector.h"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <fstream>

namespace refpage {
namespace {

// The first line of a file of the kernel's; "" if it cannot be read.
std::string readLine(const char *Path) {
  std::ifstream File(Path);
  std::string Line;
  std::getline(File, Line);
  return Line;
}

// What is in force of a list as /sys has it: "always [madvise] never".
std::string getChosen(const std::string &List) {
  const size_t Open = List.find('[');
  const size_t Close = List.find(']');
  return Open < Close && Close != std::string::npos
             ? List.substr(Open + 1, Close - Open - 1)
             : "";
}

MachineFact describeKernel() {
  utsname Names = {};
  uname(&Names);
  const std::string Text =
      std::string(Names.sysname) + " " + Names.release + ", " + Names.machine;
  return {"kernel", "kernel", Text, Text};
}

MachineFact describePageSize() {
  const uptr PageSize = scudo::getPageSizeCached();
  return {"page_bytes", "page size", PageSize, formatBytes(PageSize)};
}

MachineFact describeHugePages() {
  const std::string Chosen =
      getChosen(readLine("/sys/kernel/mm/transparent_hugepage/enabled"));
  Json Value;
  if (!Chosen.empty())
    Value = Chosen;
  return {"huge_pages", "huge pages", Value,
          Chosen.empty()
              ? "none: the kernel has none, or /sys is not there"
              : Chosen + (allowsHugePages()
                              ? ": asked for where blocks get written whole"
                              : ": blocks that get written whole are made of "
                                "small pages")};
}

MachineFact describeTags() {
  if (!mayHaveMemoryTags())
    return {"memory_tags", "memory tags", "none",
            "none: this program is not built for a processor that has them "
            "(Arm MTE)"};
  if (!hasMemoryTags())
    return {"memory_tags", "memory tags", "none",
            "none: they take a processor with MTE, and Linux 5.10 or later"};
  const TagSupport Found = getTagSupport();
  if (!Found.Memory)
    return {"memory_tags", "memory tags", "none",
            "none: memory cannot be mapped with them"};
  return {"memory_tags", "memory tags", Found.Files ? "files" : "memory",
          std::string("kept in memory; ") +
              (Found.Files ? "memory files keep them, so windows have them"
                           : "memory files do not keep them, so tagged blocks "
                             "are filled") +
              (Found.Moves ? "" : "; lost when pages are moved")};
}

MachineFact describePagemap() {
  Pagemap Pages;
  uptr Page;
  bool IsReadable = false;
  if (reserveMemory(scudo::getPageSizeCached(), &Page) == 0) {
    IsReadable = Pages.forEachWrittenRun(Page, scudo::getPageSizeCached(),
                                         [](const PageRun &) { return true; });
    unmapMemory(Page, scudo::getPageSizeCached());
  }
  Pages.close();
  return {"pagemap", "pagemap", IsReadable,
          IsReadable ? "readable: a block that is used again gets back what "
                       "was written in it, and that alone"
                     : "not readable (no /proc?): a block that is used again "
                       "loses its pages"};
}

MachineFact describeFilter() {
  const bool IsFiltered = hasSeccompFilter();
  return {"seccomp_filter", "seccomp filter", IsFiltered,
          IsFiltered ? "yes, or no /proc to see it: the kernel's own reference "
                       "pages are not tried"
                     : "none"};
}

MachineFact describeMapCount() {
  const std::string Most = readLine("/proc/sys/vm/max_map_count");
  if (Most.empty())
    return {"max_map_count", "mappings", nullptr, "limit unknown (no /proc)"};
  return {"max_map_count", "mappings", std::stoull(Most),
          "at most " + Most +
              " a process (sysctl vm.max_map_count), of which windows take " +
              std::to_string(MaxWindowMappings) + " at most"};
}

MachineFact describeDescriptors() {
  rlimit Limit = {};
  getrlimit(RLIMIT_NOFILE, &Limit);
  if (Limit.rlim_cur == RLIM_INFINITY)
    return {"max_descriptors", "descriptors", nullptr, "no limit"};
  return {"max_descriptors", "descriptors", Limit.rlim_cur,
          "at most " + std::to_string(Limit.rlim_cur) + " (ulimit -n)"};
}

MachineFact describeFileSize() {
  rlimit Limit = {};
  getrlimit(RLIMIT_FSIZE, &Limit);
  if (Limit.rlim_cur == RLIM_INFINITY)
    return {"max_file_bytes", "file size", nullptr, "no limit"};
  return {"max_file_bytes", "file size", Limit.rlim_cur,
          "at most " + formatBytes(Limit.rlim_cur) +
              " (ulimit -f), windows included"};
}

MachineFact describeOvercommit() {
  const std::string Mode = readLine("/proc/sys/vm/overcommit_memory");
  if (Mode.empty())
    return {"overcommit", "overcommit", nullptr, "unknown (no /proc)"};
  return {"overcommit", "overcommit", std::stoi(Mode),
          Mode == "2" ? "2: a block counts against the limit in whole, written "
                        "or not"
                      : Mode};
}

} // namespace

std::vector<MachineFact> describeMachine() {
  return {describeKernel(),    describePageSize(),    describeHugePages(),
          describeTags(),      describePagemap(),     describeFilter(),
          describeMapCount(),  describeDescriptors(), describeFileSize(),
          describeOvercommit()};
}

} // namespace refpage
