# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The assembler, the linker and the tools that read what they wrote.
set -euo pipefail
# shellcheck source=../../lib/sources.sh
source "${BASH_SOURCE%/*}/../../lib/sources.sh"

write_c program.c
gcc -O1 -g -ffile-prefix-map="$PWD"=. -c program.c
ar rcsD library.a program.o
nm library.a | sha256sum
objdump -d -r program.o | sha256sum
readelf -aW program.o | sha256sum
objcopy --strip-debug program.o stripped.o
gcc -shared -fPIC -O1 program.c -o library.so
strip library.so
sha256sum library.a stripped.o library.so
addr2line -f -e program.o 0x10 0x40
rm program* library* stripped*
