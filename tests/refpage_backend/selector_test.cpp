// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/selector.h"

#include "gtest/gtest.h"

using namespace refpage;

namespace {

constexpr Contents Pattern = {0xabababababababab, 0};
constexpr uptr MiB = 1UL << 20;

void expectChoice(const BlockRequest &Block, Backend Kind, Reason Why) {
  const Choice C = selectBackend(Block);
  EXPECT_EQ(C.Kind, Kind) << getBackendName(C.Kind);
  EXPECT_EQ(C.Why, Why) << getReasonText(C.Why);
}

TEST(SelectorTest, ZerosAreWhatTheKernelGives) {
  expectChoice({MiB, {}, 0, 0, BackendRequest::Auto, true}, Backend::Zero,
               Reason::ZeroContents);
  expectChoice({MiB, {}, 0, 0, BackendRequest::Memset, true}, Backend::Zero,
               Reason::ZeroContents);
}

TEST(SelectorTest, ATagMakesZerosAPattern) {
  expectChoice({MiB, {0, 1}, 0, 0, BackendRequest::Auto, true},
               Backend::MemfdWindow, Reason::SparseUse);
}

TEST(SelectorTest, WithoutTagsInFilesTagsAreStored) {
  expectChoice({MiB, {0, 1}, 0, 0, BackendRequest::Auto, false},
               Backend::TagStore, Reason::NoTagsInFiles);
  expectChoice({MiB, {0, 1}, 0, 0, BackendRequest::Memfd, false},
               Backend::TagStore, Reason::NoTagsInFiles);
}

TEST(SelectorTest, WithoutATagItDoesNotMatterWhatFilesKeep) {
  expectChoice({MiB, Pattern, 0, 0, BackendRequest::Auto, false},
               Backend::MemfdWindow, Reason::SparseUse);
}

TEST(SelectorTest, WhatIsFilledWithATagIsTagged) {
  expectChoice({MiB, {0, 1}, 0, 0, BackendRequest::Memset, true},
               Backend::TagStore, Reason::Requested);
  expectChoice({MiB, {0, 1}, MiB, 0, BackendRequest::Auto, true},
               Backend::TagStore, Reason::DenseUse);
}

TEST(SelectorTest, LargeBlocksGetWindows) {
  expectChoice({MinWindowBlock, Pattern, 0, 0, BackendRequest::Auto, true},
               Backend::MemfdWindow, Reason::SparseUse);
}

TEST(SelectorTest, SmallBlocksAreFilled) {
  expectChoice(
      {MinWindowBlock - 4096, Pattern, 0, 0, BackendRequest::Auto, true},
      Backend::Memset, Reason::SmallBlock);
}

TEST(SelectorTest, BlocksThatGetWrittenWholeAreFilled) {
  expectChoice({MiB, Pattern, MiB, 0, BackendRequest::Auto, true},
               Backend::Memset, Reason::DenseUse);
}

TEST(SelectorTest, AWrittenFrontAloneDoesNotDecide) {
  expectChoice({MiB, Pattern, MiB / 2, 0, BackendRequest::Auto, true},
               Backend::MemfdWindow, Reason::SparseUse);
}

TEST(SelectorTest, TheUserDecides) {
  expectChoice({4096, Pattern, 0, 0, BackendRequest::Memfd, true},
               Backend::MemfdWindow, Reason::Requested);
  expectChoice({MiB, Pattern, 0, 0, BackendRequest::Memset, true},
               Backend::Memset, Reason::Requested);
}

TEST(SelectorTest, WindowsLeaveMappingsToTheProgram) {
  expectChoice({MiB, Pattern, 0, MaxWindowMappings, BackendRequest::Auto, true},
               Backend::Memset, Reason::MappingBudget);
  expectChoice(
      {MiB, Pattern, 0, MaxWindowMappings, BackendRequest::Memfd, true},
      Backend::Memset, Reason::MappingBudget);
}

TEST(SelectorTest, OnlyFailuresAreFallbacks) {
  EXPECT_FALSE(isFallback(Reason::SparseUse));
  EXPECT_FALSE(isFallback(Reason::Requested));
  EXPECT_FALSE(isFallback(Reason::DenseUse));
  EXPECT_TRUE(isFallback(Reason::NoWindow));
  EXPECT_TRUE(isFallback(Reason::NoTagsInFiles));
  EXPECT_TRUE(isFallback(Reason::TagsRefused));
  EXPECT_TRUE(isFallback(Reason::MapFailed));
  EXPECT_TRUE(isFallback(Reason::WindowLost));
  EXPECT_TRUE(isFallback(Reason::MappingBudget));
}

} // namespace
