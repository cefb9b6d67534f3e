# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Lists, hashes, sets, sorted sets, streams and scripts.
set -euo pipefail
# shellcheck source=../../lib/redis.sh
source "${BASH_SOURCE%/*}/../../lib/redis.sh"

redis_start
{
  for i in {1..3000}; do
    echo "RPUSH list element$i"
    echo "HSET hash field$i value$i"
    echo "SADD set $((i * 7919 % 5003))"
    echo "ZADD sorted $((i * 31 % 997)) member$i"
    echo "XADD stream $i-1 n $i"
    echo "PFADD unique $((i % 700))"
  done
} | redis | sort | uniq -c | sort -n | tail -1 | sed "s/.* //"
redis LRANGE list 1500 1503
redis HGET hash field2222
redis SCARD set
redis ZRANGE sorted 10 14 WITHSCORES
redis XLEN stream
redis PFCOUNT unique
redis EVAL "local t = {} for i = 1, 20000 do t[i] = tostring(i) end
  redis.call(\"SET\", \"joined\", table.concat(t, \",\")) return #t" 0
redis STRLEN joined
redis SORT list ALPHA LIMIT 0 3 DESC
redis EXPIRE list 1000
redis MULTI
redis DEBUG DIGEST
redis_stop
