// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/selector.h"

#include "gtest/gtest.h"

using namespace refpage;

namespace {

constexpr Contents Pattern = {0xabababababababab, 0};
constexpr uptr MiB = 1UL << 20;

void expectChoice(const BlockRequest &Block, Method How, Reason Why) {
  const Choice C = selectMethod(Block);
  EXPECT_EQ(C.How, How);
  EXPECT_EQ(C.Why, Why) << getReasonText(C.Why);
}

TEST(SelectorTest, ZerosAreWhatTheKernelGives) {
  expectChoice({MiB, {}, 0, 0, BackendRequest::Auto, true}, Method::Zero,
               Reason::ZeroContents);
  expectChoice({MiB, {}, 0, 0, BackendRequest::Memset, true}, Method::Zero,
               Reason::ZeroContents);
}

TEST(SelectorTest, ATagMakesZerosAPattern) {
  expectChoice({MiB, {0, 1}, 0, 0, BackendRequest::Auto, true}, Method::View,
               Reason::SparseUse);
}

TEST(SelectorTest, WithoutTagsInFilesTagsAreStored) {
  expectChoice({MiB, {0, 1}, 0, 0, BackendRequest::Auto, false}, Method::Fill,
               Reason::NoTagsInFiles);
  expectChoice({MiB, {0, 1}, 0, 0, BackendRequest::Memfd, false}, Method::Fill,
               Reason::NoTagsInFiles);
}

TEST(SelectorTest, WithoutATagItDoesNotMatterWhatFilesKeep) {
  expectChoice({MiB, Pattern, 0, 0, BackendRequest::Auto, false}, Method::View,
               Reason::SparseUse);
}

TEST(SelectorTest, WhatIsFilledWithATagIsTagged) {
  expectChoice({MiB, {0, 1}, 0, 0, BackendRequest::Memset, true}, Method::Fill,
               Reason::Requested);
  expectChoice({MiB, {0, 1}, MiB, 0, BackendRequest::Auto, true}, Method::Fill,
               Reason::DenseUse);
}

TEST(SelectorTest, LargeBlocksGetWindows) {
  expectChoice({MinWindowBlock, Pattern, 0, 0, BackendRequest::Auto, true},
               Method::View, Reason::SparseUse);
}

TEST(SelectorTest, SmallBlocksAreFilled) {
  expectChoice(
      {MinWindowBlock - 4096, Pattern, 0, 0, BackendRequest::Auto, true},
      Method::Fill, Reason::SmallBlock);
}

TEST(SelectorTest, BlocksThatGetWrittenWholeAreFilled) {
  expectChoice({MiB, Pattern, MiB, 0, BackendRequest::Auto, true}, Method::Fill,
               Reason::DenseUse);
}

TEST(SelectorTest, AWrittenFrontAloneDoesNotDecide) {
  expectChoice({MiB, Pattern, MiB / 2, 0, BackendRequest::Auto, true},
               Method::View, Reason::SparseUse);
}

TEST(SelectorTest, TheUserDecides) {
  expectChoice({4096, Pattern, 0, 0, BackendRequest::Memfd, true}, Method::View,
               Reason::Requested);
  expectChoice({MiB, Pattern, 0, 0, BackendRequest::Memset, true}, Method::Fill,
               Reason::Requested);
}

TEST(SelectorTest, AKindOfWindowIsAskedForWithEveryName) {
  for (BackendRequest Request :
       {BackendRequest::Syscall, BackendRequest::Device,
        BackendRequest::DeviceUnaccounted, BackendRequest::DeviceFresh,
        BackendRequest::Memfd})
    expectChoice({MiB, Pattern, MiB, 0, Request, true}, Method::View,
                 Reason::Requested);
}

TEST(SelectorTest, WindowsLeaveMappingsToTheProgram) {
  expectChoice({MiB, Pattern, 0, MaxWindowMappings, BackendRequest::Auto, true},
               Method::Fill, Reason::MappingBudget);
  expectChoice(
      {MiB, Pattern, 0, MaxWindowMappings, BackendRequest::Memfd, true},
      Method::Fill, Reason::MappingBudget);
}

TEST(SelectorTest, OnlyFailuresAreFallbacks) {
  EXPECT_FALSE(isFallback(Reason::SparseUse));
  EXPECT_FALSE(isFallback(Reason::Requested));
  EXPECT_FALSE(isFallback(Reason::DenseUse));
  EXPECT_TRUE(isFallback(Reason::NoWindow));
  EXPECT_TRUE(isFallback(Reason::NoTagsInFiles));
  EXPECT_TRUE(isFallback(Reason::TagsRefused));
  EXPECT_TRUE(isFallback(Reason::NotHere));
  EXPECT_TRUE(isFallback(Reason::MapFailed));
  EXPECT_TRUE(isFallback(Reason::WindowLost));
  EXPECT_TRUE(isFallback(Reason::MappingBudget));
}

} // namespace
