"""What a client has not taken yet."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

from s3d.agent.frontends.http.write_flow import WriteFlow, untaken


def test_what_the_client_has_not_room_for_is_untaken() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        client = socket.create_connection(server.getsockname())
        with closing(client), closing(server.accept()[0]) as sent:
            assert untaken(sent) == 0
            sent.setblocking(False)
            size = 0
            while True:
                try:
                    size += sent.send(b"x" * 100_000)
                except BlockingIOError:
                    break
            assert 0 < untaken(sent) < size
        assert untaken(sent) == 0, "of a closed socket nothing is known"


async def test_who_waits_goes_on_when_there_is_room() -> None:
    flow = WriteFlow(asyncio.get_running_loop())
    await flow.drained()
    flow.pause()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(flow.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        flow.resume()
