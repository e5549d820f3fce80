"""The number of connections, their time-outs and their end."""

from __future__ import annotations

import asyncio

import pytest

from s3d.agent.frontends.http.limits import Limits
from s3d.agent.frontends.http.open_connections import OpenConnections

SOON = Limits(
    connections=2, head=0.04, idle=0.04, body=0.04, write=0.04, write_pause=0.04, linger=0.04
)


class FakeConnection:
    """Counts what is done to it; ends as soon as it is asked to."""

    def __init__(self, connections: OpenConnections) -> None:
        self.connections = connections
        self.deadline = float("inf")
        self.is_busy = True
        self.done: list[str] = []
        self.expired = asyncio.Event()

    def _end(self, how: str) -> None:
        self.done.append(how)
        self.connections.remove(self)  # type: ignore[arg-type]

    def finish(self) -> None:
        self._end("finish")

    def abort(self) -> None:
        self._end("abort")

    def expire(self) -> None:
        self.expired.set()
        self._end("expire")


@pytest.fixture
def connections() -> OpenConnections:
    return OpenConnections(SOON)


def opened(connections: OpenConnections) -> tuple[FakeConnection, bool]:
    connection = FakeConnection(connections)
    return connection, connections.add(connection)  # type: ignore[arg-type]


async def test_one_over_the_cap_is_told(connections: OpenConnections) -> None:
    assert [opened(connections)[1] for _ in range(3)] == [True, True, False]
    assert (len(connections), connections.count_busy()) == (3, 3)
    connections.stop_timer()


async def test_connections_far_over_the_cap_are_reset(connections: OpenConnections) -> None:
    last = [opened(connections)[0] for _ in range(300)][-1]
    assert last.done == ["abort"]
    connections.stop_timer()


async def test_a_passed_deadline_expires_its_connection(connections: OpenConnections) -> None:
    (idle, _), (due, _) = opened(connections), opened(connections)
    due.deadline = 0.0
    async with asyncio.timeout(5):
        await due.expired.wait()
    assert (due.done, idle.done) == (["expire"], [])
    connections.stop_timer()


async def test_the_end_is_waited_for(connections: OpenConnections) -> None:
    connection, _ = opened(connections)
    await connections.wait_closed(0.01)
    assert len(connections) == 1
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(connections.wait_closed(5))
        await asyncio.sleep(0)
        connections.finish()
        await waiting
    assert (connection.done, len(connections)) == (["finish"], 0)
    opened(connections)
    connections.abort()
    assert len(connections) == 0
    connections.stop_timer()
