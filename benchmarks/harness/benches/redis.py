# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A redis server that is filled and told to stop, over its socket."""

import os
import socket
import time

# Debian's server is one binary under several names, and acts by the name it is
# called by. This one comes without the package that starts a service.
_BINARY = "/usr/bin/redis-check-rdb"

_FILL = (
    "for i = 1, tonumber(ARGV[1]) do"
    " redis.call('SET', 'key:' .. i, 'value:' .. i) "
    "end return redis.call('DBSIZE')"
)

_START_TIMEOUT_S = 30
# The script answers when it is done.
_FILL_TIMEOUT_S = 300


def _socket(context):
    return str(context.scratch / "redis.sock")


def command(context):
    server = context.scratch / "redis-server"
    if not server.is_symlink():
        os.symlink(_BINARY, server)
    return (
        *(str(server), "--port", "0", "--unixsocket", _socket(context)),
        *("--save", "", "--appendonly", "no", "--daemonize", "no"),
        *("--dir", str(context.scratch)),
    )


def fill_and_stop(context, keys):
    with _connect(_socket(context)) as client:
        replies = client.makefile("rb")
        client.sendall(_encode("EVAL", _FILL, "0", str(keys)))
        reply = replies.readline().strip()
        if reply != b":%d" % keys:
            raise RuntimeError(f"redis answered {reply!r} to the fill")
        client.sendall(_encode("SHUTDOWN", "NOSAVE"))
        if rest := replies.readline().strip():
            raise RuntimeError(f"redis answered {rest!r} to SHUTDOWN")


def _connect(path):
    """Waits for the server to listen."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(_FILL_TIMEOUT_S)
        try:
            client.connect(path)
            return client
        except OSError as error:
            client.close()
            if time.monotonic() > deadline:
                raise RuntimeError(f"redis does not listen: {error}") from None
            time.sleep(0.01)


def _encode(*words):
    """A command in redis's protocol."""
    parts = [word.encode() for word in words]
    head = b"*%d\r\n" % len(parts)
    return head + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)
