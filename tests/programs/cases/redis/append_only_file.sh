# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A log of all writes, rewritten by a forked child, and replayed.
set -euo pipefail
# shellcheck source=../../lib/redis.sh
source "${BASH_SOURCE%/*}/../../lib/redis.sh"

redis_start --appendonly yes --appendfsync no
redis DEBUG POPULATE 5000 key 1000
for i in {1..2000}; do
  echo "INCR counter"
  echo "APPEND text $i,"
done | redis | tail -1
redis BGREWRITEAOF >/dev/null
while [[ $(redis INFO persistence) == *aof_rewrite_in_progress:1* ||
  $(redis INFO persistence) == *aof_rewrite_scheduled:1* ]]; do
  sleep 0.05
done
redis INFO persistence | grep aof_last_bgrewrite_status
redis DEBUG DIGEST
redis DEBUG LOADAOF
redis DEBUG DIGEST
redis_stop
rm -r appendonlydir
