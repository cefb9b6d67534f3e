#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Reads what the workers print, and prints of each job a line
#   @@report JOB STATUS CENTISECONDS OUTPUT RESULT LOST
# and then what it wrote: OUTPUT bytes of output and RESULT bytes of result. Of
# long output LOST bytes from the middle are left out: the port is slow.
limit=262144

while read -r name status centiseconds; do
  work=/tmp/job.$name
  touch "$work/result"
  output=$(stat -c %s "$work/output")
  lost=0
  if [ "$output" -gt "$limit" ]; then
    lost=$((output - limit))
    output=$limit
    head -c $((limit / 2)) "$work/output" >"$work/short"
    tail -c $((limit / 2)) "$work/output" >>"$work/short"
    mv "$work/short" "$work/output"
  fi
  echo "@@report $name $status $centiseconds" \
    "$output $(stat -c %s "$work/result") $lost"
  cat "$work/output" "$work/result"
  # The folder stays: it says that the job was taken.
  rm -f "$work/output" "$work/result"
done
