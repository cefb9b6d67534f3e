// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The README and the manual page have each option, with its default.

#include "allocator/options.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string.h>
#include <string>
#include <vector>

using namespace refpage;

namespace {

std::string readFile(const char *Path) {
  std::ifstream File(Path);
  std::stringstream Text;
  Text << File.rdbuf();
  EXPECT_TRUE(File.good()) << Path;
  return Text.str();
}

// What is between Before and After, from *At on; moves *At behind it. Empty if
// there is none.
std::string getBetween(const std::string &Text, const std::string &Before,
                       const std::string &After, size_t *At) {
  const size_t Found = Text.find(Before, *At);
  if (Found == std::string::npos)
    return "";
  const size_t Start = Found + Before.size();
  const size_t End = Text.find(After, Start);
  if (End == std::string::npos)
    return "";
  *At = End;
  return Text.substr(Start, End - Start);
}

struct Documented {
  std::string Key;
  std::string Value; // the default
};

// | `name` | what it takes | `default` and more |
std::vector<Documented> readReadme() {
  const std::string Text = readFile("README.md");
  std::vector<Documented> Found;
  size_t At = Text.find("\n## Options\n");
  const size_t End = Text.find("\n## ", At + 1);
  for (;;) {
    Documented D;
    D.Key = getBetween(Text, "\n| `", "`", &At);
    if (D.Key.empty() || At > End)
      return Found;
    const std::string Row = Text.substr(At, Text.find('\n', At) - At);
    size_t LastCell = Row.rfind(" | `");
    D.Value = getBetween(Row, " | `", "`", &LastCell);
    Found.push_back(D);
  }
}

// .TP
// .BI name= value
// What it is. Default:
// .BR default .
std::vector<Documented> readManualPage() {
  const std::string Text = readFile("packaging/libscudo_refpage.7");
  std::vector<Documented> Found;
  size_t At = Text.find("\n.SS Options\n");
  const size_t End = Text.find("\n.S", At + 1);
  for (;;) {
    Documented D;
    D.Key = getBetween(Text, "\n.TP\n.BI ", "= ", &At);
    if (D.Key.empty() || At > End)
      return Found;
    D.Value = getBetween(Text, "Default:\n.BR ", " ", &At);
    Found.push_back(D);
  }
}

bool Complained;

void expectDocumented(const std::vector<Documented> &Found) {
  size_t At = 0;
  const Options Defaults;
#define REFPAGE_OPTION(Type, Name, Default, Description)                       \
  {                                                                            \
    ASSERT_LT(At, Found.size()) << "nothing on " #Name;                        \
    EXPECT_EQ(Found[At].Key, #Name);                                           \
    const std::string Pair = #Name "=" + Found[At].Value;                      \
    Options Parsed;                                                            \
    Complained = false;                                                        \
    parseOptions(Pair.c_str(), &Parsed,                                        \
                 [](const char *) { Complained = true; });                     \
    EXPECT_FALSE(Complained) << Pair;                                          \
    EXPECT_EQ(memcmp(&Parsed.Name, &Defaults.Name, sizeof(Type)), 0) << Pair;  \
    At++;                                                                      \
  }
#include "allocator/options.inc"
#undef REFPAGE_OPTION
  EXPECT_EQ(At, Found.size()) << "there is no " << Found[At].Key;
}

TEST(DocumentedOptionsTest, InTheReadme) { expectDocumented(readReadme()); }

TEST(DocumentedOptionsTest, InTheManualPage) {
  expectDocumented(readManualPage());
}

} // namespace
