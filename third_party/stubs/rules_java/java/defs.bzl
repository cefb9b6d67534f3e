# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""The Java rules that are built into Bazel, under the name that Bazel's own
packages load them by. Nothing here is in Java."""

java_binary = native.java_binary
java_import = native.java_import
java_library = native.java_library
java_plugin = native.java_plugin
java_runtime = native.java_runtime
java_test = native.java_test
java_toolchain = native.java_toolchain
