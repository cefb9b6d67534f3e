# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# clang: the same object code, and a program that runs the same.
set -euo pipefail
# shellcheck source=../../lib/sources.sh
source "${BASH_SOURCE%/*}/../../lib/sources.sh"

write_c program.c
clang-19 -O2 -S -emit-llvm program.c
clang-19 -O2 -c program.c
clang-19 program.o -o program
sha256sum program.ll program.o program
./program || echo "status $?"
rm program*
