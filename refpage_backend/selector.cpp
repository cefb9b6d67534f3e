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
         Why == Reason::MapFailed || Why == Reason::WindowLost;
}

Choice selectBackend(const BlockRequest &Block) {
  if (Block.Holds.isZero())
    return {Backend::Zero, Reason::ZeroContents};
  const Backend Filling = getFillingBackend(Block.Holds);
  if (Block.Request == BackendRequest::Memset)
    return {Filling, Reason::Requested};
  if (Block.Holds.Tag && !Block.CanTagWindows)
    return {Filling, Reason::NoTagsInFiles};
  if (Block.WindowMappings >= MaxWindowMappings)
    return {Filling, Reason::MappingBudget};
  if (Block.Request == BackendRequest::Memfd)
    return {Backend::MemfdWindow, Reason::Requested};
  if (Block.Size < MinWindowBlock)
    return {Filling, Reason::SmallBlock};
  if (Block.ExpectedFront >= Block.Size)
    return {Filling, Reason::DenseUse};
  return {Backend::MemfdWindow, Reason::SparseUse};
}

} // namespace refpage
