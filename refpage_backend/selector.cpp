// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/selector.h"

namespace refpage {

const char *getBackendName(Backend Kind) {
  static const char *const Names[] = {
#define REFPAGE_BACKEND(Name, Text) Text,
      REFPAGE_BACKENDS(REFPAGE_BACKEND)
#undef REFPAGE_BACKEND
  };
  return Names[static_cast<u32>(Kind)];
}

const char *getReasonText(Reason Why) {
  static const char *const Texts[] = {
#define REFPAGE_REASON(Name, Text) Text,
      REFPAGE_REASONS(REFPAGE_REASON)
#undef REFPAGE_REASON
  };
  return Texts[static_cast<u32>(Why)];
}

bool isFallback(Reason Why) {
  return Why == Reason::MappingBudget || Why == Reason::NoWindow ||
         Why == Reason::NoTagsInFiles || Why == Reason::TagsRefused ||
         Why == Reason::NotHere || Why == Reason::MapFailed ||
         Why == Reason::WindowLost;
}

Choice selectMethod(const BlockRequest &Block) {
  if (Block.Holds.isZero())
    return {Method::Zero, Reason::ZeroContents};
  if (Block.Request == BackendRequest::Memset)
    return {Method::Fill, Reason::Requested};
  if (Block.Holds.Tag && !Block.CanTagWindows)
    return {Method::Fill, Reason::NoTagsInFiles};
  if (Block.WindowMappings >= MaxWindowMappings)
    return {Method::Fill, Reason::MappingBudget};
  if (Block.Request != BackendRequest::Auto)
    return {Method::View, Reason::Requested};
  if (Block.Size < MinWindowBlock)
    return {Method::Fill, Reason::SmallBlock};
  if (Block.ExpectedFront >= Block.Size)
    return {Method::Fill, Reason::DenseUse};
  return {Method::View, Reason::SparseUse};
}

} // namespace refpage
