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

std::string run(const std::string &Variables, const std::string &Libraries) {
  return runShell(withVariables(Variables) + "tests/allocator/namespaces " +
                  Libraries);
}

TEST(NamespaceTest, WhatIsPreloadedIsNotInANewOne) {
  // glibc's malloc: a fresh mapping.
  EXPECT_EQ(run("LD_PRELOAD=" + Library, Loaded), "00\ndone\n");
}

TEST(NamespaceTest, ANewOneCanLoadItByItself) {
  EXPECT_EQ(run("LD_PRELOAD=", Library + "+" + Loaded), "ab\ndone\n");
}

TEST(NamespaceTest, ALibraryInANewOneCanBeLinkedWithIt) {
  EXPECT_EQ(run("LD_PRELOAD=", LoadedWithHeap), "ab\ndone\n");
}

TEST(NamespaceTest, FourCopiesWorkSideBySide) {
  EXPECT_EQ(run("LD_PRELOAD=" + Library, Library + "+" + Loaded + " " +
                                             LoadedWithHeap + " " + Library +
                                             "+" + Loaded + " " + Loaded),
            "ab\nab\nab\n00\ndone\n");
}

TEST(NamespaceTest, AllCopiesReadTheOptions) {
  EXPECT_EQ(run("LD_PRELOAD=" + Library + " REFPAGE_OPTIONS=pattern=5a",
                Library + "+" + Loaded + " " + LoadedWithHeap),
            "5a\n5a\ndone\n");
}

// A copy of its own heap, which nothing else in the process uses.
TEST(NamespaceTest, ALibraryLinkedWithItCanBeLoadedByAnyProgram) {
  EXPECT_EQ(runShell(withVariables("LD_PRELOAD=") +
                     "tests/allocator/startup_and_exit_linked " +
                     LoadedWithHeap + " | tail -n 6 | head -n 1"),
            "after a library bound to itself\n");
}

} // namespace
