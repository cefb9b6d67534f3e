# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs programs under variants of the allocator and compares what they cost.

One module, one task:

  cli         the command line of tools/bench
  context     what every bench is given: places, options, the variants
  variants    a variant is a preload library and its environment
  peers       other allocators, as variants
  case        one program to be measured, and what it must reach
  runner      runs one case under one variant, once
  schedule    rounds over all cases and variants, order shuffled, progress
  samples     the rows measured, kept by case and variant, and as CSV
  stats       medians, spread, intervals
  goals       limits on one variant against another, and the verdict on them
  metrics     what a number is called and how it is written
  report      the Markdown table of a bench
  inputs      files to work on: made by us or fetched once into a cache
  build       tools/setup and bazel
  benches/    one module a bench
"""
