"""POST /v1/check: read all that is at rest, a page at a time."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from typing import Protocol

from aiohttp import web

from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.s3.errors import S3Error
from s3d.shared import control
from s3d.shared.diagnostics import CheckLine, CheckPage, Damage
from s3d.shared.transfers import Totals

PAGE = 1.0
"""Seconds after which a page is sent, whatever is on it."""


class CheckRuns(Protocol):
    """Runs checks."""

    def run(self, *, repair: bool) -> AsyncGenerator[CheckLine, None]: ...


class CheckRoutes:
    """The check; there is one at a time; a new one replaces an abandoned one."""

    def __init__(self, checker: CheckRuns) -> None:
        self._checker = checker
        self._turn = asyncio.Lock()
        self._cursor = ""
        self._lines: AsyncGenerator[CheckLine, None] | None = None

    def routes(self) -> list[Route]:
        return [Route("POST", "/v1/check", self.check, frozenset({"repair", "cursor"}))]

    async def check(self, call: Call) -> web.Response:
        """Start a check without a cursor; continue it with one. The last page has no cursor."""
        repair, cursor = call.query.get("repair", "false"), call.query.get("cursor", "")
        if repair not in ("true", "false"):
            raise S3Error("InvalidArgument", "repair must be true or false.")
        if self._turn.locked():
            hint = "wait until it ends"
            raise ControlError(409, control.WRONG_STATE, "a check is already running", hint)
        async with self._turn:
            if not cursor:
                await self.close()
                self._cursor = secrets.token_hex(8)
                self._lines = self._checker.run(repair=repair == "true")
            elif self._lines is None or cursor != self._cursor:
                raise ControlError(
                    409, control.WRONG_STATE, "this check has ended", "start a new check"
                )
            return answer(await self._page(self._lines))

    async def close(self) -> None:
        """Cancel a running check."""
        lines, self._lines = self._lines, None
        if lines is not None:
            await lines.aclose()

    async def _page(self, lines: AsyncGenerator[CheckLine, None]) -> CheckPage:
        end = time.monotonic() + PAGE
        damage: list[Damage] = []
        checked = Totals()
        async for line in lines:
            checked = line.checked
            if line.damage is not None:
                damage.append(line.damage)
            if line.done:
                self._lines = None
                return CheckPage(checked, damage)
            if time.monotonic() >= end or len(damage) >= control.MAX_PAGE:
                return CheckPage(checked, damage, self._cursor)
        raise S3Error("InternalError", "the check was interrupted")
