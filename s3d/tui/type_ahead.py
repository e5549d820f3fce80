"""Delivers keys one by one, each when the one before it has had all its effects.

Textual sends a key to the widget that has the focus when the key arrives. What the key does is
decided later: it goes up from the widget to the app, whose bindings may move the focus or open a
screen. Keys that arrive together, as on a slow link or from a paste without brackets, would all go
to the first widget: of "/photos" the filter would get nothing. Here a key waits until the message
queues from the focused widget up to the app have handled everything that the key before it caused.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.events import Event, Key, Paste
from textual.message_pump import MessagePump
from textual.widget import Widget

MIN_ROUNDS = 2
"""Times that the queues are waited for after a key: once for the key itself, and once for the
messages that its action has posted. There are more while the focus moves."""
MAX_ROUNDS = 8
MAX_WAIT = 1.0
"""Seconds after which the next key is delivered in any case."""
HELD_INTERVAL = 0.02
"""Seconds between two checks whether rows have arrived."""
MAX_HELD = 3.0
"""Seconds for which keys wait for the first rows of a list, or for names to complete."""

FREE_KEYS = frozenset((*"123456qh", "question_mark", "ctrl+r", "f5", "ctrl+p", "ctrl+g", "colon"))
"""Keys that have nothing to do with the rows of a list, and so need not wait for them."""


class TypeAhead:
    """deliver: hands one key or paste to Textual, which finds the widget for it."""

    def __init__(self, app: App[Any], deliver: Callable[[Event], Awaitable[None]]) -> None:
        self._app, self._deliver = app, deliver
        self._waiting: deque[Event] = deque()
        self._is_busy = False
        self._number = 0
        """Of the key whose effects are awaited: callbacks of earlier keys are ignored."""
        self._timer: asyncio.TimerHandle | None = None
        self._held_since = 0.0
        """When the next key began to wait for what it is about (monotonic); 0: it does not."""
        self.idle = asyncio.Event()
        """No key waits, and the effects of the last one are there."""
        self.idle.set()

    async def put(self, event: Event) -> None:
        """Deliver a key or a paste now, or when those before it are done."""
        self._waiting.append(event)
        self.idle.clear()
        if not self._is_busy:
            await self._next()

    async def _next(self) -> None:
        """Deliver what has waited longest; there may be nothing."""
        if self._timer is not None:
            self._timer.cancel()
        self._number += 1
        number, loop = self._number, asyncio.get_running_loop()
        self._is_busy = bool(self._waiting)
        if not self._is_busy:
            self.idle.set()
        elif self._is_held():
            self._timer = loop.call_later(HELD_INTERVAL, self._schedule, number)
        else:
            self._timer = loop.call_later(MAX_WAIT, self._schedule, number)
            await self._deliver(self._waiting.popleft())
            self._start_round(number, 1)

    def _is_held(self) -> bool:
        """Whether the focused widget has not read what the next key is about.

        It then has a method holds_key(event). Escape is never held, nor what was typed before it:
        it may be meant to end the wait.
        """
        holds = getattr(self._app.focused, "holds_key", None)
        if holds is None or not holds(self._waiting[0]):
            self._held_since = 0.0
            return False
        now = time.monotonic()
        self._held_since = self._held_since or now
        return now - self._held_since < MAX_HELD and not any(map(is_escape, self._waiting))

    def _schedule(self, number: int) -> None:
        """Go on in the app's own queue, where Textual handles keys."""
        self._app.call_later(self._go_on, number)

    async def _go_on(self, number: int) -> None:
        if number == self._number:
            await self._next()

    def _start_round(self, number: int, round_number: int) -> None:
        """Wait for the queue of the focused widget, then for those of the widgets around it."""
        focused: MessagePump = self._app.focused or self._app.screen
        pumps = [*focused.ancestors_with_self] if isinstance(focused, Widget) else [self._app]

        async def step(place: int) -> None:
            if number != self._number:
                return
            for later in range(place, len(pumps)):
                if pumps[later].call_later(step, later + 1):
                    return
            has_moved = focused is not (self._app.focused or self._app.screen)
            if round_number < MIN_ROUNDS or (has_moved and round_number < MAX_ROUNDS):
                self._start_round(number, round_number + 1)
            else:
                await self._next()

        pumps[0].call_later(step, 1)


def is_escape(event: Event) -> bool:
    return isinstance(event, Key) and event.key == "escape"


def is_about_rows(event: Event) -> bool:
    """Whether a key or a paste may mean the rows of the list that has the focus."""
    return not (isinstance(event, Key) and event.key in FREE_KEYS)


class TypeAheadApp(App[str]):
    """An app in which each key finds the focus that the keys before it have moved."""

    def __init__(self) -> None:
        super().__init__()
        self.type_ahead = TypeAhead(self, super().on_event)

    async def on_event(self, event: Event) -> None:
        """Keys and pastes go one by one; everything else is Textual's."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            await self.type_ahead.put(event)
        else:
            await super().on_event(event)
