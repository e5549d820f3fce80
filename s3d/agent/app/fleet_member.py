"""Assembles the part of a device in its fleet: it polls the settings, applies them, and reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from s3d import __version__
from s3d.agent.app.gateway import Gateway
from s3d.agent.app.write_queue import limits_of
from s3d.agent.core.client import S3Client
from s3d.agent.fleet.config_poll import ConfigPoll
from s3d.agent.fleet.heartbeats import Heartbeats
from s3d.agent.stores.write_queue.push.maintenance import reevaluate
from s3d.agent.sync.folders import Folders
from s3d.shared.config.schema import Config
from s3d.shared.fleet import FleetList, Heartbeat
from s3d.shared.logs import change_level
from s3d.shared.paths import Places

MAX_PROBLEMS = 10
"""Warnings in a heartbeat."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The parts of the agent that connect this device with its fleet."""

    url: str
    poll: ConfigPoll
    heartbeats: Heartbeats
    listing: S3Client
    """Of the remote, for calls that somebody waits for."""

    def warnings(self) -> list[str]:
        """Warnings for the status."""
        return [each for each in (self.poll.problem, self.heartbeats.problem) if each]

    async def devices(self) -> FleetList:
        """All devices. Raises S3Error."""
        return FleetList(await self.heartbeats.devices(self.listing), self.url)


def open_fleet(
    config: Config,
    effective: Config,
    gateway: Gateway,
    folders: Folders,
    *,
    listing: S3Client,
    state: Places,
    started: float,
    warnings: Callable[[], list[str]],
) -> Fleet:
    """config: of the device alone, with S3D_CONFIG_URL. effective: with the settings of the
    fleet. warnings: of the device, for its heartbeat."""
    remote = S3Client(gateway.remote)
    applier = SettingsApplier(effective, gateway, folders)
    poll = ConfigPoll(config, remote, state.state_dir, applier.apply)

    def current() -> Heartbeat:
        """In a thread: the name of the device may have to be read."""
        queue = gateway.queue
        totals = None if queue is None else queue.journal.totals()
        return Heartbeat(
            device=gateway.uploads.writer.folder.device,
            version=__version__,
            started=started,
            at=time.time(),
            pending=0 if totals is None else totals.files,
            pending_size=0 if totals is None else totals.size,
            problems=warnings()[:MAX_PROBLEMS],
            config=poll.etag,
        )

    heartbeats = Heartbeats(
        config.config_url,
        remote,
        current,
        lambda: gateway.account.is_confirmed,
        clock_offset=lambda: gateway.remote.health.clock_offset,
    )
    return Fleet(config.config_url, poll, heartbeats, listing)


class SettingsApplier:
    """Changes the settings of a running agent: only those that differ from what was applied last,
    so that what the user has changed until the next start stays."""

    def __init__(self, config: Config, gateway: Gateway, folders: Folders) -> None:
        """config: what the agent runs with."""
        self._config, self._gateway, self._folders = config, gateway, folders

    async def apply(self, new: Config) -> None:
        """Have the agent run with these settings."""
        old, self._config = self._config, new
        if new.log_level != old.log_level:
            change_level(new.log_level)
        if new.after_upload != old.after_upload:
            self._gateway.uploads.rules.use(new.after_upload)
            self._gateway.uploads.eviction.wake()
            self._folders.rules_changed()
        if new.bandwidth_timetable != old.bandwidth_timetable:
            self._gateway.remote.traffic.set_timetable(new.bandwidth_timetable)
        if new.bandwidth != old.bandwidth:
            self._gateway.remote.traffic.set_classes(new.bandwidth)
        await self._apply_to_queue(old, new)
        await self._apply_to_cache(old, new)

    async def _apply_to_queue(self, old: Config, new: Config) -> None:
        queue = self._gateway.queue
        if queue is None:
            return
        if limits_of(new.write_queue) != limits_of(old.write_queue):
            queue.admission.limits = limits_of(new.write_queue)
            queue.admission.admit_waiting()
        if new.write_queue.bandwidth != old.write_queue.bandwidth:
            queue.throttle.timetable = new.write_queue.bandwidth
        if new.write_queue.priorities != old.write_queue.priorities:
            queue.journal.recorder.priorities = new.write_queue.priorities
        if new.write_queue.filter != old.write_queue.filter:
            self._gateway.push_policy.filter = new.write_queue.filter
            await reevaluate(queue.journal, self._gateway.push_policy)

    async def _apply_to_cache(self, old: Config, new: Config) -> None:
        layer = None if self._gateway.cache is None else self._gateway.cache.layer
        if layer is None:
            return
        before, after = old.read_cache, new.read_cache
        if (before.max_size, before.max_files) != (after.max_size, after.max_files):
            await layer.catalog.room.set_limits(size=after.max_size, files=after.max_files)
        if before.max_age != after.max_age:
            layer.freshness.max_age = after.max_age
        if before.filter != after.filter and layer.eligibility.rules is not None:
            layer.eligibility.rules.filter = after.filter
