"""The routes of the migration: start it, look at it, cancel it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

from s3d.agent.frontends.control.queue_routes import wait_of
from s3d.agent.frontends.control.routing import Call, ControlError, Route, answer
from s3d.agent.transfers.store_migration import Migration
from s3d.shared import control
from s3d.shared.transfers import MigrateRequest


class MigrationRoutes:
    """Without a remote each call is refused."""

    def __init__(self, migration: Migration | None) -> None:
        self._maybe = migration

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/migration", self.show, frozenset({"wait"})),
            Route("POST", "/v1/migration:start", self.start),
            Route("POST", "/v1/migration:cancel", self.cancel),
        ]

    @property
    def _migration(self) -> Migration:
        if self._maybe is None:
            hint = "set S3D_REMOTE and start the agent again"
            raise ControlError(
                409, control.NO_REMOTE, "there is no remote to carry anything to", hint
            )
        return self._maybe

    async def show(self, call: Call) -> web.Response:
        """At once; or, with wait, when it has ended or after so many seconds."""
        migration = self._migration
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_of(call)):
                await migration.ended()
        return answer(migration.status)

    async def start(self, call: Call) -> web.Response:
        wanted, migration = await call.body(MigrateRequest), self._migration
        if not migration.start(wanted.buckets, delete_source=wanted.delete_source):
            raise ControlError(409, control.WRONG_STATE, "a migration is running already")
        return answer(migration.status, 202)

    async def cancel(self, call: Call) -> web.Response:
        await self._migration.cancel()
        return answer(self._migration.status)
