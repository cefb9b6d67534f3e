// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/options.h"

#include "gtest/gtest.h"

#include <string.h>
#include <string>
#include <vector>

using namespace refpage;

namespace {

std::vector<std::string> Complaints;
void complain(const char *Line) { Complaints.push_back(Line); }

Options parse(const char *Text) {
  Complaints.clear();
  Options Result;
  parseOptions(Text, &Result, complain);
  return Result;
}

// The value is refused with one line that names it, and the default stays.
void expectRefused(const std::string &Text, const std::string &Named) {
  const Options Result = parse(Text.c_str());
  ASSERT_EQ(Complaints.size(), 1U) << Text;
  EXPECT_NE(Complaints[0].find(Named), std::string::npos) << Complaints[0];
  EXPECT_EQ(Complaints[0].find('\n'), Complaints[0].size() - 1);
  const Options Default;
  EXPECT_EQ(Result.variant, Default.variant);
  EXPECT_EQ(Result.backend, Default.backend);
  EXPECT_EQ(Result.pattern.Value, Default.pattern.Value);
  EXPECT_EQ(Result.window_max.Value, Default.window_max.Value);
  EXPECT_EQ(Result.cache_max.Value, Default.cache_max.Value);
  EXPECT_EQ(Result.protect_from.Value, Default.protect_from.Value);
  EXPECT_EQ(Result.stats, Default.stats);
  EXPECT_STREQ(Result.log.Text, Default.log.Text);
  EXPECT_STREQ(Result.density.Text, Default.density.Text);
}

TEST(OptionsTest, DefaultsAreTheDocumentedOnes) {
  const Options Result = parse(nullptr);
  EXPECT_EQ(Result.variant, Variant::Refpage);
  EXPECT_EQ(Result.backend, BackendRequest::Auto);
  EXPECT_EQ(Result.pattern.Value, 0xababababababababU);
  EXPECT_EQ(Result.window_max.Value, 64U << 20);
  EXPECT_EQ(Result.cache_max.Value, 512U << 20);
  EXPECT_EQ(Result.protect_from.Value, (2U << 20) + 1);
  EXPECT_EQ(Result.stats, StatsFormat::Off);
  EXPECT_STREQ(Result.log.Text, "");
}

TEST(OptionsTest, AComplaintIsOneLineWhateverTheTextIs) {
  parse("a\nb=1:variant=\x1b[2J\x7f");
  ASSERT_EQ(Complaints.size(), 2U);
  EXPECT_NE(Complaints[0].find("'a?b'"), std::string::npos) << Complaints[0];
  EXPECT_NE(Complaints[1].find("'?[2J?'"), std::string::npos) << Complaints[1];
  for (const std::string &Line : Complaints)
    EXPECT_EQ(Line.find('\n'), Line.size() - 1);
}

TEST(OptionsTest, PairsArePartedByColons) {
  const Options Result =
      parse("variant=anon:backend=memfd:pattern=01:window_max=64K:stats=1");
  EXPECT_TRUE(Complaints.empty());
  EXPECT_EQ(Result.variant, Variant::Anon);
  EXPECT_EQ(Result.backend, BackendRequest::Memfd);
  EXPECT_EQ(Result.pattern.Value, 0x0101010101010101U);
  EXPECT_EQ(Result.window_max.Value, 64U << 10);
  EXPECT_EQ(Result.stats, StatsFormat::Text);
}

TEST(OptionsTest, BackendsHaveNames) {
  EXPECT_EQ(parse("backend=auto").backend, BackendRequest::Auto);
  EXPECT_EQ(parse("backend=syscall").backend, BackendRequest::Syscall);
  EXPECT_EQ(parse("backend=device").backend, BackendRequest::Device);
  EXPECT_EQ(parse("backend=device_unaccounted").backend,
            BackendRequest::DeviceUnaccounted);
  EXPECT_EQ(parse("backend=device_fresh").backend, BackendRequest::DeviceFresh);
  EXPECT_EQ(parse("backend=memset").backend, BackendRequest::Memset);
  EXPECT_TRUE(Complaints.empty());
}

TEST(OptionsTest, EmptyPairsAreNothing) {
  EXPECT_EQ(parse("::stats=1:").stats, StatsFormat::Text);
  EXPECT_TRUE(Complaints.empty());
  parse("");
  EXPECT_TRUE(Complaints.empty());
}

TEST(OptionsTest, TheLastOneCounts) {
  EXPECT_EQ(parse("variant=anon:variant=memset").variant, Variant::Memset);
}

TEST(OptionsTest, PatternsAreInMemoryOrder) {
  u8 Bytes[8];
  u64 Value = parse("pattern=0123456789abcdef").pattern.Value;
  memcpy(Bytes, &Value, 8);
  EXPECT_EQ(Bytes[0], 0x01);
  EXPECT_EQ(Bytes[7], 0xef);
  Value = parse("pattern=1234").pattern.Value;
  memcpy(Bytes, &Value, 8);
  EXPECT_EQ(Bytes[0], 0x12);
  EXPECT_EQ(Bytes[1], 0x34);
  EXPECT_EQ(Bytes[6], 0x12);
  EXPECT_EQ(Bytes[7], 0x34);
  EXPECT_EQ(parse("pattern=0xDEADBEEF").pattern.Value,
            parse("pattern=deadbeefdeadbeef").pattern.Value);
  EXPECT_EQ(parse("pattern=00").pattern.Value, 0U);
}

TEST(OptionsTest, MalformedPatterns) {
  for (const char *Bad : {"", "a", "abc", "abcdef", "0x", "xy", "0xg0",
                          "0123456789", "0123456789abcdef01", "ab cd", "-1"})
    expectRefused(std::string("pattern=") + Bad, "'pattern'");
}

TEST(OptionsTest, SizesHaveUnits) {
  EXPECT_EQ(parse("window_max=65536").window_max.Value, 65536U);
  EXPECT_EQ(parse("window_max=1m").window_max.Value, 1U << 20);
  EXPECT_EQ(parse("window_max=1G").window_max.Value, 1U << 30);
  EXPECT_TRUE(Complaints.empty());
}

TEST(OptionsTest, MalformedSizes) {
  for (const char *Bad :
       {"", "K", "0", "4095", "65537", "96K", "2G", "1T", "-65536", "64 K",
        "99999999999999999999999", "0x10000", "1.5M"})
    expectRefused(std::string("window_max=") + Bad, "'window_max'");
}

TEST(OptionsTest, AmountsAreAnyNumberOfBytes) {
  EXPECT_EQ(parse("cache_max=0").cache_max.Value, 0U);
  EXPECT_EQ(parse("cache_max=12345").cache_max.Value, 12345U);
  EXPECT_EQ(parse("cache_max=3g").cache_max.Value, 3UL << 30);
  EXPECT_EQ(parse("cache_max=0G").cache_max.Value, 0U);
  EXPECT_EQ(parse("cache_max=131072G").cache_max.Value, 1UL << 47);
  EXPECT_EQ(parse("protect_from=100K").protect_from.Value, 100U << 10);
  EXPECT_TRUE(Complaints.empty());
}

TEST(OptionsTest, MalformedAmounts) {
  for (const char *Bad : {"", "K", "-1", "1T", "1.5M", "0x10", "1 M", "131073G",
                          "99999999999999999999999", "1000000000000000"}) {
    expectRefused(std::string("cache_max=") + Bad, "'cache_max'");
    expectRefused(std::string("protect_from=") + Bad, "'protect_from'");
  }
}

TEST(OptionsTest, MalformedWords) {
  expectRefused("variant=", "bad value ''");
  expectRefused("variant=Refpage", "bad value 'Refpage'");
  expectRefused("variant=refpages", "bad value 'refpages'");
  expectRefused("backend=windows", "bad value 'windows'");
  expectRefused("stats=yes", "bad value 'yes'");
  expectRefused("stats=2", "bad value '2'");
}

TEST(OptionsTest, UnknownKeysAndNoPairs) {
  expectRefused("varian=anon", "unknown option 'varian'");
  expectRefused("variants=anon", "unknown option 'variants'");
  expectRefused("=anon", "unknown option ''");
  expectRefused("anon", "'anon' is not key=value");
}

TEST(OptionsTest, StatsAreTextOrJson) {
  EXPECT_EQ(parse("stats=json").stats, StatsFormat::Json);
  EXPECT_EQ(parse("stats=0").stats, StatsFormat::Off);
  expectRefused("stats=xml", "bad value 'xml' for 'stats'");
}

TEST(OptionsTest, LogIsAFileOrStderr) {
  EXPECT_STREQ(parse("log=/tmp/a file").log.Text, "/tmp/a file");
  EXPECT_STREQ(parse("log=x:log=stderr").log.Text, "");
  const std::string Longest(255, 'x');
  EXPECT_EQ(parse(("log=" + Longest).c_str()).log.Text, Longest);
  expectRefused("log=" + Longest + "x", "for 'log'");
  expectRefused("log=", "bad value '' for 'log'");
}

TEST(OptionsTest, OneLineForEachThatIsWrong) {
  const Options Result = parse("foo=1:stats=1:variant=x:bar");
  EXPECT_EQ(Complaints.size(), 3U);
  EXPECT_EQ(Result.stats, StatsFormat::Text);
}

TEST(OptionsTest, LongNonsenseIsCut) {
  const std::string Long(100000, 'x');
  parse(Long.c_str());
  ASSERT_EQ(Complaints.size(), 1U);
  EXPECT_LT(Complaints[0].size(), 1000U);
  EXPECT_EQ(Complaints[0].back(), '\n');
}

TEST(OptionsTest, HelpNamesEveryOption) {
  Complaints.clear();
  printOptionHelp(complain);
  std::string Text;
  for (const std::string &Line : Complaints)
    Text += Line;
  for (const char *Name : {"variant", "backend", "pattern", "window_max",
                           "cache_max", "protect_from", "stats", "help"})
    EXPECT_NE(Text.find(std::string("  ") + Name + ": "), std::string::npos)
        << Name;
}

} // namespace
