# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An echo server on the loopback: asyncio asks for 256 KiB for each read."""
import asyncio
import hashlib


async def echo(reader, writer):
    while data := await reader.read(1 << 18):
        writer.write(data)
        await writer.drain()
    writer.close()


async def client(port, index):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    message = bytes([index]) * 50_000 + bytes(range(256)) * 500
    received = hashlib.sha256()
    for _ in range(20):
        writer.write(message)
        received.update(await reader.readexactly(len(message)))
    writer.close()
    return received.hexdigest()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(*await asyncio.gather(*(client(port, i) for i in range(8))), sep="\n")
    server.close()


asyncio.run(main())
