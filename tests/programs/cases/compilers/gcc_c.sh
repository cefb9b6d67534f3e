# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# gcc: the same object code, and a program that runs the same.
set -euo pipefail
# shellcheck source=../../lib/sources.sh
source "${BASH_SOURCE%/*}/../../lib/sources.sh"

write_c program.c
gcc -O2 -g0 -Wall -S program.c
gcc -O0 -c program.c -o plain.o
gcc -O2 -c program.c
gcc program.o -o program
sha256sum program.s plain.o program.o program
./program || echo "status $?"
rm program*
