// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/refpage/output.h"

#include "tools/refpage/failure.h"

#include <errno.h>
#include <string.h>

namespace refpage {

Output::Output(const std::string &FilePath, FILE *DefaultStream)
    : Path(FilePath), Default(DefaultStream) {
  if (Path.empty())
    return;
  File = fopen(Path.c_str(), "we");
  if (!File)
    throw Failure(Path + ": " + strerror(errno));
}

Output::~Output() {
  if (File)
    fclose(File);
}

void Output::finish() {
  if (fflush(get()) != 0 || ferror(get()))
    throw Failure((Path.empty() ? "cannot write" : Path) + ": " +
                  strerror(errno));
}

} // namespace refpage
