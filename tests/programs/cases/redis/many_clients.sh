# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Connections that come and go, pipelines, and io threads.
set -euo pipefail
# shellcheck source=../../lib/redis.sh
source "${BASH_SOURCE%/*}/../../lib/redis.sh"

redis_start --io-threads 3 --io-threads-do-reads yes
redis-benchmark -s redis.sock -q -c 50 -n 4000 -P 16 -d 300 -t set,get,lpush,lrange_100 >/dev/null
redis EXISTS key:__rand_int__ mylist
redis LLEN mylist
redis FLUSHALL ASYNC
for i in {1..20}; do
  seq "$i" 20000 | redis -x SET "key$i" &
done
mapfile -t loaders < <(jobs -p | grep -v "^$redis_pid$")
wait "${loaders[@]}"
redis MGET key1 key20 | sha256sum
redis DEBUG DIGEST
redis_stop
