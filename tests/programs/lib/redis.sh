# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# shellcheck shell=bash
# A redis server of a case's own, for the cases that source this file.

# Debian's package redis-tools holds the server too: it is the same program as
# redis-check-rdb, and goes by the name it is called. Unlike the package
# redis-server it leaves no service running on the machine.
redis_start() {
  ln -sf /usr/bin/redis-check-rdb redis-server
  # A relative socket: the path of a socket must be short.
  ./redis-server --port 0 --unixsocket redis.sock --enable-debug-command local \
    --save "" --loglevel warning --logfile redis.log "$@" &
  redis_pid=$!
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    [[ $(redis PING 2>/dev/null) == PONG ]] && return
    sleep 0.05
  done
  echo "the server does not answer"
  cat redis.log
  exit 1
}

redis() {
  redis-cli -s redis.sock "$@"
}

# redis_stop [save]: ends the server and shows how it ended.
redis_stop() {
  redis SHUTDOWN "${1:-nosave}"
  wait "$redis_pid" && echo "server: status 0" || echo "server: status $?"
  # Reports of a crash are the only thing in the log that says something; the
  # rest is warnings about the machine's settings.
  grep -iE 'crash|assert|bug report|stack trace' redis.log || true
  rm -f redis-server redis.log
}
