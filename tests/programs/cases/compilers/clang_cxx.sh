# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# clang++: templates, exceptions and the C++ library.
set -euo pipefail
# shellcheck source=../../lib/sources.sh
source "${BASH_SOURCE%/*}/../../lib/sources.sh"

write_cxx program.cc
clang++-19 -std=c++17 -O1 -c program.cc
clang++-19 program.o -o program
sha256sum program.o program
./program
rm program*
