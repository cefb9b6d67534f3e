// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/stats_json.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <string>
#include <sys/prctl.h>

using namespace refpage;

namespace {

std::string jsonOf(const BackendStats &Stats, const CacheCounts &Cache = {},
                   const DensityModel &Density = {}) {
  scudo::ScopedString Str;
  appendStatsJson(Options(), Stats, Cache, Density, &Str);
  return Str.data();
}

void expectPart(const std::string &Text, const std::string &Part) {
  EXPECT_NE(Text.find(Part), std::string::npos) << Text;
}

TEST(StatsJsonTest, IsOneLine) {
  const std::string Text = jsonOf({});
  EXPECT_EQ(Text.find('\n'), Text.size() - 1);
  EXPECT_EQ(Text.front(), '{');
  EXPECT_EQ(Text[Text.size() - 2], '}');
  expectPart(Text, "\"variant\": \"refpage\", \"pattern\": "
                   "\"abababababababab\"");
}

TEST(StatsJsonTest, ListsHaveCommasBetween) {
  BackendStats Stats = {};
  Stats.Blocks[static_cast<u32>(Backend::Memset)] = 1;
  Stats.Bytes[static_cast<u32>(Backend::Memset)] = 4096;
  Stats.ReusedBlocks[static_cast<u32>(Backend::MemfdWindow)] = 3;
  Stats.ReusedBytes[static_cast<u32>(Backend::MemfdWindow)] = 1 << 20;
  expectPart(jsonOf(Stats),
             "\"backends\": [{\"name\": \"memset\", \"blocks\": 1, \"bytes\": "
             "4096, \"reused_blocks\": 0, \"reused_bytes\": 0}, {\"name\": "
             "\"memfd_window\", \"blocks\": 0, \"bytes\": 0, "
             "\"reused_blocks\": 3, \"reused_bytes\": 1048576}], ");
}

TEST(StatsJsonTest, FallbacksHaveTheirError) {
  BackendStats Stats = {};
  Stats.Reasons[static_cast<u32>(Reason::SparseUse)] = 2;
  Stats.Reasons[static_cast<u32>(Reason::NoWindow)] = 1;
  Stats.LastErrors[static_cast<u32>(Reason::NoWindow)] = EMFILE;
  const std::string Text = jsonOf(Stats);
  expectPart(Text, "\"blocks\": 2, \"fallback\": false, \"error\": null}");
  expectPart(Text, "\"blocks\": 1, \"fallback\": true, \"error\": \"Too many "
                   "open files\"}");
}

TEST(StatsJsonTest, CountsOfTheCache) {
  expectPart(jsonOf({}, {5, 4, 3, 2, 1}),
             "\"cache\": {\"asked\": 5, \"served\": 4, \"gave_pages\": 3, "
             "\"kept_bytes\": 2, \"budget_bytes\": 1}");
}

TEST(StatsJsonTest, SizesThatWereLookedAt) {
  DensityModel Density;
  Density.learn(1 << 20, 1 << 19, 0);
  const std::string Text = jsonOf({}, {}, Density);
  expectPart(Text, "\"looked_at\": 1, \"written_percent\": 50, "
                   "\"filled_bytes\": 0}]");
}

TEST(StatsJsonTest, NamesAreEscaped) {
  char Old[16];
  ASSERT_EQ(prctl(PR_GET_NAME, Old), 0);
  prctl(PR_SET_NAME, "a\"b\\c\n\xc3");
  const std::string Text = jsonOf({});
  prctl(PR_SET_NAME, Old);
  // getProcessName() has no control characters.
  expectPart(Text, "\"name\": \"a\\\"b\\\\c?\\u00c3\"");
}

} // namespace
