# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A forked child saves while the parent goes on writing; then a restart.
set -euo pipefail
# shellcheck source=../../lib/redis.sh
source "${BASH_SOURCE%/*}/../../lib/redis.sh"

redis_start --dbfilename dump.rdb
redis DEBUG POPULATE 50000 key 100
head -c 5000000 /dev/zero | tr "\0" x | redis -x SET large
redis BGSAVE
for i in {1..300}; do
  echo "SETRANGE large $((i * 10000)) written"
  echo "INCRBY counter $i"
done | redis | tail -1
while [[ $(redis INFO persistence) == *rdb_bgsave_in_progress:1* ]]; do
  sleep 0.05
done
redis INFO persistence | grep rdb_last_bgsave_status
redis DEBUG DIGEST
redis_stop save
redis_start --dbfilename dump.rdb
redis DBSIZE
redis DEBUG DIGEST
redis_stop
rm dump.rdb
