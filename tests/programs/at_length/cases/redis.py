# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""redis-benchmark against a redis server, with data that is the same each time."""

import time

from ..case import Case, CaseError

REQUESTS, CLIENTS, PIPELINE = 40000, 50, 8

COMMANDS = "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset"

FILL = """
for i = 1, 30000 do
  local n = (i * 7919) % 1000003
  redis.call('SET', 'string:' .. i, string.rep(tostring(n), i % 40 + 1))
  redis.call('HSET', 'hash:' .. i % 500, 'field:' .. i, n)
  redis.call('ZADD', 'sorted:' .. i % 50, n, 'member:' .. i)
  redis.call('RPUSH', 'list:' .. i % 200, n)
  redis.call('SETRANGE', 'large:' .. i % 8, n * 3, 'x')
end
return redis.call('DBSIZE')
"""


def run(run):
    # Debian's server is one binary under several names, and acts by the name it is
    # called by. This one comes without the package that starts a service.
    run.path("redis-server").symlink_to("/usr/bin/redis-check-rdb")

    def ask(*words):
        return run.client("redis-cli", "-s", "redis.sock", *words)

    results = {}
    with run.server(
        *(run.path("redis-server"), "--port", "0", "--unixsocket", "redis.sock"),
        *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
        *("--enable-debug-command", "local"),
        stop=lambda: ask("SHUTDOWN", "NOSAVE"),
    ):
        for _ in range(600):
            if run.path("redis.sock").exists():
                break
            time.sleep(0.1)
        else:
            raise CaseError("redis does not listen")
        results["filled"] = ask("EVAL", FILL, "0")
        results["digest"] = ask("DEBUG", "DIGEST")
        benchmark = run.client(
            *("redis-benchmark", "-s", "redis.sock", "-q", "-t", COMMANDS),
            *("-n", REQUESTS, "-c", CLIENTS, "-P", PIPELINE, "-d", 200),
        )
        results["errors"] = "\n".join(
            line for line in benchmark.splitlines() if "rror" in line
        )
        # Through a fork, to a file and back again.
        results["saved"] = ask("DEBUG", "RELOAD")
        results["digest after"] = ask("DEBUG", "DIGEST")
        results["background save"] = ask("BGSAVE").strip()
        results["defragmented"] = ask("MEMORY", "PURGE")
        ask("FLUSHALL", "SYNC")
        results["size at the end"] = ask("DBSIZE")
    return results


CASE = Case(
    name="redis",
    about=f"redis under redis-benchmark, {REQUESTS} requests each of"
    f" {COMMANDS.count(',') + 1} commands by {CLIENTS} clients; filled, saved and loaded"
    " besides: digests of all data. The server is measured",
    run=run,
    programs=("redis-server",),
    packages=("redis-tools",),
)
