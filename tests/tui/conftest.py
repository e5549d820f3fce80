"""The app before the agent of the demonstration, driven by keys."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from functools import cache
from typing import Any

import pytest
from rich.segment import Segment
from rich.style import Style
from textual._compositor import Compositor
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.events import Paste
from textual.widgets import Footer
from textual.widgets._toast import Toast, ToastRack

from s3d.tui import demo_values
from s3d.tui.agent_client import AgentUnreachable
from s3d.tui.app import S3dApp
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from s3d.tui.preview.decode import decode
from s3d.tui.preview.drawing import Drawing
from s3d.tui.preview.object_parts import DecodeRequest
from s3d.tui.preview.previews import Previews
from tests.tui.idle import wait_for_idle

Opened = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(scope="session", autouse=True)
def _styles_are_parsed_once() -> Iterator[None]:
    """Each app has a cache of the rules that Textual makes of its styles: this is one for all."""
    parse, parsed = Stylesheet._parse_rules, dict[Any, list[RuleSet]]()

    def parse_rules(self: Stylesheet, css: str, **where: Any) -> list[RuleSet]:
        key = (css, *where.values(), frozenset(self._variables.items()))
        if key not in parsed:
            parsed[key] = parse(self, css, **where)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_rules)
        yield


@pytest.fixture(scope="session", autouse=True)
def _keys_are_made_once() -> Iterator[None]:
    """The demonstration makes a hundred thousand keys for each page of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_values, "keys", cache(demo_values.keys))
        yield


@pytest.fixture(scope="session", autouse=True)
def _pilots_do_not_sleep() -> Iterator[None]:
    """Textual's pilot waits for the app by sleeping, and so does each key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textual.app.wait_for_idle", wait_for_idle)
        patch.setattr("textual.pilot.wait_for_idle", wait_for_idle)
        yield


@contextmanager
def _undrawn() -> Iterator[None]:
    """Frames within the block are not drawn: the next one has all that has changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compositor, "render_update", lambda *_, **__: None)
        yield


class InlineDecoder:
    """The decoders in this process: their own process has its own tests."""

    async def decode(self, request: DecodeRequest) -> Drawing:
        return decode(request)

    async def close(self) -> None:
        return None


@pytest.fixture
def opened() -> Opened:
    """opened(tab, ...): a pilot whose app shows this tab, of which all is loaded."""

    @asynccontextmanager
    async def open_(
        tab: str = "1", agent: Any = None, size: tuple[int, int] = (100, 30), **options: Any
    ) -> AsyncIterator[Any]:
        app = S3dApp(agent or DemoAgent(), clock=lambda: NOW, **options)
        app.previews = Previews(app.agent, InlineDecoder())
        async with app.run_test(size=size, notifications=True) as pilot:
            with _undrawn():  # a terminal would show some ten frames; test_truth.py draws those
                with suppress(AgentUnreachable):
                    await app.feed.poll()
                await pilot.press(tab)
                with suppress(AgentUnreachable):
                    await app.feed.poll()
                app.main.draw()
                await pilot.pause()
            pilot.press = _press_and_settle(pilot)
            yield pilot

    return open_


def _press_and_settle(pilot: Any) -> Callable[..., Any]:
    """pilot.press(), which then waits until the app has handled the keys."""
    press = pilot.press

    async def press_and_settle(*keys: str) -> None:
        await press(*keys)
        await pilot.app.type_ahead.idle.wait()
        await pilot.pause()

    return press_and_settle


async def paste(pilot: Any, text: str) -> None:
    """Enter a long text at once, as a terminal with bracketed paste does."""
    pilot.app.post_message(Paste(text))
    await pilot.pause()
    await pilot.app.type_ahead.idle.wait()
    await pilot.pause()


async def loaded(pilot: Any, *groups: str) -> None:
    """Wait for the workers of these groups, and until their messages are on the screen."""
    await pilot.pause()
    workers = [worker for worker in pilot.app.workers if worker.group in groups]
    if workers:  # none would be all
        await pilot.app.workers.wait_for_complete(workers)
    await pilot.pause()
    async with asyncio.timeout(10):
        while not _are_toasts_drawn(pilot.app):
            await pilot.pause()


async def footers_are_made(pilot: Any) -> None:
    """A footer follows the focus after a refresh, which a busy machine delays: make it now."""
    for footer in pilot.app.screen.query(Footer):
        made = asyncio.Event()

        async def make(footer: Footer = footer, made: asyncio.Event = made) -> None:
            await footer.recompose()
            made.set()

        footer.call_next(make)
        await made.wait()
    await pilot.pause()


def _are_toasts_drawn(app: S3dApp) -> bool:
    """A toast is mounted and laid out some messages after it was asked for."""
    if not app.screen.query(ToastRack):
        return True
    shown = [toast._notification for toast in app.screen.query(Toast) if toast.region]
    return all(each in shown or each.has_expired for each in app._notifications)


def screen(app: S3dApp) -> str:
    """What is seen, as lines."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def go_to_row(pilot: Any, bucket: str, row: str, *prefixes: str) -> None:
    """Open a prefix in Buckets, and put the cursor on a row."""
    table = pilot.app.pane.query_one("#objects")
    for name in (bucket, *prefixes):
        table.go(name)
        await pilot.press("enter")
        await loaded(pilot, "listing", "inspect")
    table.go(row)
    await loaded(pilot, "inspect")
    await loaded(pilot, "preview")


def segments(app: S3dApp) -> list[Segment]:
    """What is drawn, with its styles, before the terminal gets it."""
    return [segment for strip in app.screen._compositor.render_strips() for segment in strip]


def style_of(app: S3dApp, text: str) -> Style:
    """The style in which a text is drawn."""
    style = next(each.style for each in segments(app) if text in each.text)
    assert style is not None
    return style
