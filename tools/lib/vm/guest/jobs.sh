#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# jobs.sh USER: says `@@ready`, then reads the names of jobs, runs each as this
# user, and prints of it
#   @@report JOB STATUS CENTISECONDS OUTPUT RESULT LOST
# and what it wrote: OUTPUT bytes of output and RESULT bytes of result. Of long
# output LOST bytes from the middle are left out: the port is slow.
user=${1:?}
limit=262144

centiseconds() {
  read -r up _ </proc/uptime
  # The 1 keeps 08 from being octal.
  echo "$((${up%.*} * 100 + 1${up#*.} - 100))"
}

echo "@@ready"
while read -r job && [ "$job" != end ]; do
  work=/tmp/job
  mkdir -p "$work/tmp"
  chown -R "$user" "$work"
  export TEST_TMPDIR="$work/tmp" XML_OUTPUT_FILE="$work/result"
  export TEST_PREMATURE_EXIT_FILE="$work/unfinished"
  read -r seconds <"/vm/jobs/$job/seconds"
  began=$(centiseconds)
  (
    cd /vm/files || exit
    exec su "$user" -c "exec timeout -s ABRT -k 10 $seconds sh /vm/jobs/$job/run"
  ) </dev/null >"$work/output" 2>&1
  status=$?
  # All but this shell and its parent: what a test leaves behind takes time of
  # the next.
  kill -9 -1 2>/dev/null
  ended=$(centiseconds)
  # As Bazel does for programs without GoogleTest, whose exit status is all; those
  # with it write a result, and leave this file if they end before.
  if [ "$status" -eq 0 ] && [ ! -e "$XML_OUTPUT_FILE" ] &&
    [ ! -e "$TEST_PREMATURE_EXIT_FILE" ]; then
    echo '<testsuites><testsuite><testcase name="test"/></testsuite></testsuites>' \
      >"$XML_OUTPUT_FILE"
  fi
  touch "$XML_OUTPUT_FILE"
  output=$(stat -c %s "$work/output")
  lost=0
  if [ "$output" -gt "$limit" ]; then
    lost=$((output - limit))
    output=$limit
    head -c $((limit / 2)) "$work/output" >"$work/short"
    tail -c $((limit / 2)) "$work/output" >>"$work/short"
    mv "$work/short" "$work/output"
  fi
  echo "@@report $job $status $((ended - began))" \
    "$output $(stat -c %s "$XML_OUTPUT_FILE") $lost"
  cat "$work/output" "$XML_OUTPUT_FILE"
  rm -rf "$work"
done
