// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Several C libraries in one process (dlmopen()), each with its own heap; some
// of them are this one. The dynamic linker preloads nothing into a new
// namespace.

#include "tests/support/emulator.h"
#include "tests/support/shell.h"

#include <gtest/gtest.h>

using namespace refpage_test;

namespace {

const std::string Library = "$PWD/allocator/libscudo_refpage.so";
const std::string Loaded = "$PWD/tests/allocator/libloaded.so";
// Has the static library in it.
const std::string LoadedWithHeap =
    "$PWD/tests/allocator/libloaded_with_heap.so";

// Room for thread-local storage of libraries that are loaded late: Scudo has 12
// KB of it, and glibc keeps 1.6 KB in all.
const std::string WithRoom =
    "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536 ";

std::string run(const std::string &Variables, const std::string &Arguments) {
  return runShell(withVariables(Variables) + "tests/allocator/namespaces " +
                  Arguments);
}

TEST(NamespaceTest, WhatIsPreloadedIsNotInANewOne) {
  // glibc's malloc: a fresh mapping.
  EXPECT_EQ(run("LD_PRELOAD=" + Library, "threads " + Loaded), "00\ndone\n");
}

TEST(NamespaceTest, WithoutRoomItIsNotLoaded) {
  const std::string Output = run("LD_PRELOAD=", Library + "+" + Loaded);
  EXPECT_NE(Output.find("libscudo_refpage.so: cannot allocate memory in static "
                        "TLS block\nstatus 256\n"),
            std::string::npos)
      << Output;
}

// On arm64 glibc also wants that something that the program started with had
// thread-local storage of the same alignment, 64: a preloaded copy does.
const char *getHelp() {
#if defined(__aarch64__)
  return "LD_PRELOAD=$PWD/allocator/libscudo_refpage.so";
#else
  return "LD_PRELOAD=";
#endif
}

// Not together with a preloaded copy: a thread may use one.
#if defined(__aarch64__)
const std::string Threads = "";
#else
const std::string Threads = "threads ";
#endif

TEST(NamespaceTest, ANewOneCanLoadItByItself) {
  EXPECT_EQ(run(WithRoom + getHelp(), Threads + Library + "+" + Loaded),
            "ab\ndone\n");
}

TEST(NamespaceTest, ALibraryInANewOneCanBeLinkedWithIt) {
  EXPECT_EQ(run(WithRoom + getHelp(), Threads + LoadedWithHeap), "ab\ndone\n");
}

// In one thread: in a thread's table of specific values those of all C
// libraries have the same places.
TEST(NamespaceTest, FourCopiesWorkSideBySide) {
  const std::string Two = Library + "+" + Loaded;
  EXPECT_EQ(run(WithRoom + "LD_PRELOAD=" + Library,
                Two + " " + LoadedWithHeap + " " + Two + " " + Loaded),
            "ab\nab\nab\n00\ndone\n");
}

TEST(NamespaceTest, AllCopiesReadTheOptions) {
  EXPECT_EQ(
      run(WithRoom + "LD_PRELOAD=" + Library + " REFPAGE_OPTIONS=pattern=5a",
          Library + "+" + Loaded + " " + LoadedWithHeap),
      "5a\n5a\ndone\n");
}

} // namespace
