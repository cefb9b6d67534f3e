# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Strings of megabytes: written far out, appended, cut.
set -euo pipefail
# shellcheck source=../../lib/redis.sh
source "${BASH_SOURCE%/*}/../../lib/redis.sh"

redis_start
redis SETRANGE sparse 30000000 end
redis GETRANGE sparse 29999990 -1 | od -c
redis BITCOUNT sparse
redis STRLEN sparse
seq 500000 | redis -x SET numbers
redis GET numbers | sha256sum
for _ in {1..5}; do
  redis GETRANGE numbers 0 600000 | redis -x APPEND grown
done
redis GET grown | sha256sum
redis BITOP XOR mixed sparse numbers
redis BITCOUNT mixed
redis SETBIT bits 80000000 1
redis BITPOS bits 1
redis DEL sparse grown
redis COPY numbers other
redis DEBUG DIGEST
redis_stop
