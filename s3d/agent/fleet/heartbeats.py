"""Heartbeats: each device writes one object every 60 s; `s3d fleet` lists those of all devices."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing

import msgspec

from s3d.agent.core.client import S3Client, payload
from s3d.agent.core.clock import Clock
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.shared.fleet import HEARTBEAT_EVERY, FleetDevice, Heartbeat, heartbeat_prefix

logger = logging.getLogger(__name__)

CONCURRENT = 8
"""Heartbeats that are read at the same time."""
MAX_DEVICES = 10_000
_END = ".json"


class Heartbeats:
    """The heartbeats below the folder of one configuration."""

    def __init__(
        self,
        config_url: str,
        remote: S3Client,
        current: Callable[[], Heartbeat],
        may_write: Callable[[], bool] = lambda: True,
        *,
        clock: Clock | None = None,
        clock_offset: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """remote: answers from the remote itself. current: what this device says of itself; may
        block. may_write: false while the account of the access key is not confirmed. clock_offset:
        seconds that the remote's clock is ahead of ours."""
        self._bucket, self._prefix = heartbeat_prefix(config_url)
        self._remote, self._current, self._may_write = remote, current, may_write
        self._clock, self._clock_offset = clock or Clock(), clock_offset
        self.problem = ""
        """Why the last heartbeat could not be written; "" when it could."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(HEARTBEAT_EVERY)

    async def beat(self) -> None:
        """Write the heartbeat of this device."""
        if not self._may_write():
            return
        heartbeat = await asyncio.to_thread(self._current)
        body = BytesBody(msgspec.json.format(msgspec.json.encode(heartbeat), indent=2) + b"\n")
        key = f"{self._prefix}{heartbeat.device}{_END}"
        attributes = ObjectAttributes(content_type="application/json")
        try:
            await self._remote.put(self._bucket, key, body, attributes)
        except S3Error as error:
            self.problem = f"cannot write the heartbeat: {error.code}: {error.message}"
            return
        self.problem = ""

    async def devices(self, client: S3Client) -> list[FleetDevice]:
        """All devices by name. client: of the remote; somebody waits for it. Raises S3Error."""
        rows, cursor = [], ""
        while True:
            page = await client.page(self._bucket, self._prefix, cursor=cursor, limit=1000)
            rows += [each for each in page.objects if each.key.endswith(_END)]
            cursor = page.cursor
            if not cursor or len(rows) >= MAX_DEVICES:
                break
        now, waiting = self._clock.now() + self._clock_offset(), iter(rows)
        devices: list[FleetDevice] = []

        async def read() -> None:
            for each in waiting:
                name = each.key.removeprefix(self._prefix).removesuffix(_END)
                age = max(0.0, now - each.last_modified)
                devices.append(FleetDevice(name, age, await _read(client, self._bucket, each.key)))

        async with asyncio.TaskGroup() as group:
            for number in range(CONCURRENT):
                group.create_task(read(), name=f"heartbeat {number}")
        return sorted(devices, key=lambda device: device.name)


async def _read(client: S3Client, bucket: str, key: str) -> Heartbeat | None:
    """None for an object that is no heartbeat, or is gone."""
    try:
        response = await client.call("GetObject", {"Bucket": bucket, "Key": key})
        async with aclosing(payload(response)) as body:
            data = b"".join([chunk async for chunk in body])
        return msgspec.json.decode(data, type=Heartbeat)
    except (S3Error, msgspec.DecodeError) as error:
        logger.info("cannot read a heartbeat: key=%s %s", key, error)
        return None
