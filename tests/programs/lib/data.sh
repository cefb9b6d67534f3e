# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# shellcheck shell=bash
# Data that is the same in every run, for the cases that source this file.

# random_bytes COUNT [SEED]: bytes that do not compress.
random_bytes() {
  /usr/bin/python3 -c '
import random, sys
sys.stdout.buffer.write(random.Random(int(sys.argv[2])).randbytes(int(sys.argv[1])))
' "$1" "${2:-1}"
}

# random_lines COUNT [SEED]: lines of the form "NUMBER WORD NUMBER".
random_lines() {
  awk -v count="$1" -v state="${2:-1}" '
    function next_number() {
      state = (state * 69069 + 1) % 4294967296
      return int(state / 4096)
    }
    BEGIN {
      for (i = 0; i < count; i++)
        printf "%d word%d %d\n", next_number(), next_number() % 1000, i
    }'
}

# make_tree FOLDER: a few hundred files, links and empty folders.
make_tree() {
  local folder file
  for folder in "$1"/{a,b,c}/{x,y}; do
    mkdir -p "$folder/empty"
    for file in {1..20}; do
      echo "$folder $file" >"$folder/$file.txt"
    done
    ln -s 1.txt "$folder/symlink"
    ln "$folder/2.txt" "$folder/hardlink"
  done
  random_bytes 1500000 >"$1/large.bin"
  chmod 600 "$1/a/x/3.txt"
  chmod 755 "$1/a/x/4.txt"
  find "$1" -exec touch -h -d 2024-01-02T03:04:05Z {} +
}
