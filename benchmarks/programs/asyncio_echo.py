# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An asyncio echo server and one client of it, in one process.

asyncio asks for 256 KiB for each read from a socket and keeps the few bytes
that came: what a network program does with large blocks at its most common.
"""

import asyncio

MESSAGES = 4000
MESSAGE = b"a message of the usual small size, with an end of line\n"


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(*address[:2])
    for _ in range(MESSAGES):
        writer.write(MESSAGE)
        await writer.drain()
        if await reader.readline() != MESSAGE:
            raise SystemExit("the echo differs")
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


asyncio.run(main())
