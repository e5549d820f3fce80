"""write_announcer: what a killed agent had written reaches other devices at its next start."""

from __future__ import annotations

import asyncio

import pytest

from s3d.agent.core.context import write_group
from s3d.agent.remote_changes.message_forms import Hint
from s3d.agent.remote_changes.unannounced_writes import UnannouncedWrites
from s3d.agent.remote_changes.write_announcer import WriteAnnouncer
from tests.agent.remote_changes.conftest import BUCKET
from tests.agent.remote_changes.test_change_sources import PLACE, Device, running


def announcer(folder, boot="boot"):
    return WriteAnnouncer(UnannouncedWrites(folder / "file", boot))


async def until_hint(device, clock):
    async with asyncio.timeout(30):
        while not device.listener.hints:
            clock.forward(1)
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("is_answered", [True, False])
async def test_what_a_killed_agent_had_written_is_announced_by_the_next(
    remote, clock, tmp_path, is_answered
):
    reader = Device(remote, clock)
    killed = Device(remote, clock, announcer=announcer(tmp_path))
    async with running(reader, killed):
        await reader.until("marker")
        await killed.until("marker")
        killed.write("p/announced")
        await until_hint(reader, clock)
        reader.listener.hints.clear()
    killed.sources.announcer.begin([(BUCKET, "p/x")])
    if is_answered:
        killed.sources.announcer.end([(BUCKET, "p/x")], may_have_changed=True)
    following = Device(remote, clock, announcer=announcer(tmp_path))
    async with running(reader, following):
        await until_hint(reader, clock)
        assert following.sources.announcer.is_secured
    assert reader.listener.hints == [Hint(BUCKET, "p/x")]
    assert len((tmp_path / "file").read_bytes().splitlines()) == 1


async def test_after_a_power_cut_others_list_again(remote, clock, tmp_path):
    reader = Device(remote, clock)
    cut = Device(remote, clock, announcer=announcer(tmp_path))
    async with running(reader, cut):
        await reader.until("marker")
        await cut.until("marker")
    reader.listener.listed.clear()
    following = Device(remote, clock, announcer=announcer(tmp_path, "next"))
    async with running(reader, following):
        async with asyncio.timeout(30):
            while not reader.listener.listed:
                clock.forward(1)
                await asyncio.sleep(0.001)
    assert reader.listener.listed == [PLACE]


async def test_what_is_of_s3d_is_not_announced(remote, clock, tmp_path):
    """The heartbeat of a prefix below would keep every device asking, once a minute."""
    device = Device(remote, clock, announcer=announcer(tmp_path))
    for path in ("conf/.s3d/fleet/robot.json", "team/.s3d/probe-1", "x"):
        device.sources.announcer.begin([(BUCKET, f"p/{path}")])
        device.sources.announcer.end([(BUCKET, f"p/{path}")], may_have_changed=True)
    (exchange,) = device.sources.announcer.exchanges.values()
    assert exchange.unannounced == ["x"]


async def test_a_refused_write_is_not_announced(remote, clock, tmp_path):
    device = Device(remote, clock, announcer=announcer(tmp_path))
    for path, is_refused in (("p/refused", True), ("p/x", False)):
        device.sources.announcer.begin([(BUCKET, path)])
        device.sources.announcer.end([(BUCKET, path)], may_have_changed=not is_refused)
    (exchange,) = device.sources.announcer.exchanges.values()
    assert exchange.unannounced == ["x"]


async def test_a_group_of_writes_is_announced_at_its_end_and_survives_a_kill(
    remote, clock, tmp_path
):
    """What was not announced yet counts as not ended, so the next agent announces it."""
    device = Device(remote, clock, announcer=announcer(tmp_path))
    announces = device.sources.announcer
    announces.resume()
    (exchange,) = announces.exchanges.values()
    with write_group():
        for key in ("p/new", "p/old"):
            announces.begin([(BUCKET, key)])
            announces.end([(BUCKET, key)], may_have_changed=True)
            announces.settle()
        assert exchange.unannounced == []
        assert len((tmp_path / "file").read_bytes().splitlines()) == 3
    assert exchange.unannounced == ["new", "old"]
