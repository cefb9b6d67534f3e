#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Takes one job after the other until there are none, and prints of each
#   JOB STATUS CENTISECONDS
centiseconds() {
  read -r up _ </proc/uptime
  echo "${up%.*}${up#*.}"
}

for job in /vm/jobs/*; do
  name=${job##*/}
  # Only one worker can make it.
  mkdir "/tmp/job.$name" 2>/dev/null || continue
  work=/tmp/job.$name
  mkdir "$work/tmp"
  export TEST_TMPDIR="$work/tmp" XML_OUTPUT_FILE="$work/result"
  read -r seconds <"$job/seconds"
  began=$(centiseconds)
  (
    cd /vm/files || exit
    exec timeout -s ABRT -k 10 "$seconds" sh "$job/run"
  ) </dev/null >"$work/output" 2>&1
  status=$?
  rm -rf "$work/tmp"
  echo "$name $status $(($(centiseconds) - began))"
done
