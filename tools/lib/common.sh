# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# shellcheck shell=bash
#
# What the tools have in common. Before it sources this file, a tool sets
#   tool   its name in messages, e.g. tools/run
#   root   the checkout
: "${tool:?}" "${root:?}"

say() {
  echo "$tool: $*" >&2
}

die() {
  say "$*"
  exit 1
}

usage_error() {
  say "$* (see $tool --help)"
  exit 2
}

# print_help FILE: the comment at the head of a tool is its help.
print_help() {
  sed -n '/^# SPDX/,/^[^#]/ { /^# SPDX/d; /^[^#]/d; s/^# \{0,1\}//; p; }' "$1" |
    sed '1{/^$/d}'
}

[[ $root != *[[:space:]]* ]] ||
  die "Bazel 4 cannot work in a path with spaces, move the checkout: $root"

# install_packages [PACKAGE...]: what building needs and the named packages.
# Silent when nothing is missing.
install_packages() {
  # Not in a condition: its failure ends the tool through set -e and pipefail.
  "$root/tools/setup" "$@" </dev/null 2>&1 | sed -u '/nothing to install$/d' >&2
}

# run_bazel ARG...: Debian's Bazel, in the checkout, whatever the environment.
run_bazel() {
  local home options=()
  # CI often has no HOME, or one that cannot be written. Bazel keeps its cache
  # below it.
  home=${HOME:-$(getent passwd "$EUID" | cut -d: -f6)}
  [[ -n $home && -d $home && -w $home ]] ||
    options+=("--output_user_root=${TMPDIR:-/tmp}/bazel-of-uid-$EUID")
  (
    cd "$root" || exit
    # JAVA_HOME and PATH may lead to a Java that this old Bazel does not start
    # with; the other two choose another Bazel.
    unset JAVA_HOME USE_BAZEL_VERSION BAZEL_REAL
    USER=${USER:-$(id -un 2>/dev/null || echo "uid-$EUID")}
    export USER PATH=/usr/sbin:/usr/bin:/sbin:/bin
    exec /usr/bin/bazel "${options[@]}" "$@" </dev/null
  )
}

# Not //..., which also goes into Bazel's own links such as bazel-bin, and stops
# there, when they were made by another user or with another --output_base.
# shellcheck disable=SC2034 # for the tools
all_targets=(
  //allocator/... //benchmarks/... //packaging/... //platform/...
  //refpage_backend/... //tests/... //third_party/... //tools/...
)

library_target=//allocator:libscudo_refpage.so
# shellcheck disable=SC2034 # for the tools
library=$root/bazel-bin/allocator/libscudo_refpage.so

# build_library: silent when it is up to date, all chatter on stderr.
build_library() {
  if ! run_bazel build --noblock_for_lock --check_up_to_date "$library_target" \
    >/dev/null 2>&1; then
    say "building the allocator"
    run_bazel build "$library_target" >&2 ||
      die "the build failed, Bazel's report is above"
  fi
  # In a checkout that it may not write, Bazel leaves bazel-bin as it was.
  [[ -w $root ]] ||
    library=$(run_bazel info bazel-bin 2>/dev/null)/${library##*/bazel-bin/}
  # The dynamic linker would only warn, and the program run without it.
  [[ -r $library ]] || die "cannot read $library"
}
