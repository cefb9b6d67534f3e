// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ThreadSanitizer asks the program that it is in; without it nobody does.

extern "C" {

// LLVM's own symbolizer, which it looks for, is another big package.
const char *__tsan_default_options() {
  return "external_symbolizer_path=/usr/bin/addr2line";
}

// Upstream looks at chunk headers while other threads may write to theirs: what
// it finds then fails its checksum. (With ours nobody does: large_block.h.)
const char *__tsan_default_suppressions() { return "race:iterateOverChunks\n"; }

} // extern "C"
