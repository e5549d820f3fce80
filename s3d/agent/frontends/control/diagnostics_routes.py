"""Diagnostic routes of the agent: its log, its rates, its settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from s3d.agent.core.log_buffer import LINES, LogBuffer
from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.s3.errors import S3Error
from s3d.shared.config.rules import settings_of
from s3d.shared.config.schema import Config, text_value
from s3d.shared.diagnostics import LogList, Samples, SettingInfo, SettingList
from s3d.shared.logs import LEVELS

LIVE = frozenset(
    {
        "write_queue.max_size", "write_queue.max_files", "write_queue.max_age",
        "write_queue.when_full", "write_queue.bandwidth", "read_cache.max_size",
        "read_cache.max_files",
    }
)  # fmt: skip
"""Settings that a call can change until the next start."""
DEFAULT = "default"


class DiagnosticsRoutes:
    """samples: returns the rates of the last minutes."""

    def __init__(
        self, log_buffer: LogBuffer, samples: Callable[[], Samples], config: Config
    ) -> None:
        self._log_buffer, self._samples, self._config = log_buffer, samples, config

    def routes(self) -> list[Route]:
        words = frozenset({"since", "level", "source", "limit", "wait"})
        return [
            Route("GET", "/v1/logs", self.logs, words),
            Route("GET", "/v1/samples", self.samples),
            Route("GET", "/v1/config", self.config),
        ]

    async def logs(self, call: Call) -> web.Response:
        """The lines after since; without it, the last ones. wait: wait for a new line first."""
        level = call.query.get("level", "info")
        if level not in LEVELS:
            raise S3Error("InvalidArgument", f"level must be one of {', '.join(LEVELS)}.")
        since = call.sequence("since", "the seq of a line")
        limit = call.number("limit", 1_000, LINES)
        source = call.query.get("source", "")
        if "wait" in call.query:
            await self._next_line(since, call.wait)
        seq = self._log_buffer.seq
        lines = self._log_buffer.after(since, limit, level=level, source=source)
        is_cut = since > 0 and len(lines) == limit
        return answer(LogList(lines, lines[-1].seq if is_cut else seq))

    async def _next_line(self, since: int, seconds: float) -> None:
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()

        def on_line() -> None:  # called in the thread that logs
            loop.call_soon_threadsafe(arrived.set)

        self._log_buffer.on_line.append(on_line)
        try:
            if self._log_buffer.seq <= since:
                async with asyncio.timeout(seconds):
                    await arrived.wait()
        except TimeoutError:
            pass
        finally:
            self._log_buffer.on_line.remove(on_line)

    async def samples(self, call: Call) -> web.Response:
        return answer(self._samples())

    async def config(self, call: Call) -> web.Response:
        """The settings as they were at the start, with secrets masked."""
        config = self._config
        return answer(
            SettingList(
                [
                    SettingInfo(
                        name, text_value(config, name), config.origin.get(name, DEFAULT),
                        setting.rule.help, name not in LIVE,
                    )
                    for name, setting in settings_of(Config).items()
                ]
            )
        )  # fmt: skip
