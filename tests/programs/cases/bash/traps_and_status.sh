# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Signals, traps and exit statuses, of children and of the shell itself.
trap 'echo leaving' EXIT
trap 'echo caught USR1' USR1
kill -USR1 $$
bash -c 'kill -TERM $$'
echo "killed: $?"
bash -c 'exit 300'
echo "wrapped: $?"
bash -c 'no_such_command' 2>&1
echo "not found: $?"
(ulimit -c 0; bash -c 'kill -SEGV $$' 2>/dev/null)
echo "fault: $?"
exit 37
