# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# g++: templates, exceptions and the C++ library.
set -euo pipefail
# shellcheck source=../../lib/sources.sh
source "${BASH_SOURCE%/*}/../../lib/sources.sh"

write_cxx program.cc
g++ -std=c++17 -O1 -c program.cc
g++ program.o -o program
sha256sum program.o program
./program
rm program*
