"""What the panes have the app do: ask the agent, ask the person, say how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual import work
from textual.app import App
from textual.widgets import Input

from s3d.shared.caching import CachePlace, PrefetchRequest
from s3d.shared.control import Listing, Presigned, PresignRequest, Tags
from s3d.shared.text import safe
from s3d.tui.agent_client import Agent, AgentUnreachable, RequestRefused
from s3d.tui.app_state import State
from s3d.tui.cli_equivalent import command as said
from s3d.tui.cli_equivalent import place
from s3d.tui.draw import Glyphs
from s3d.tui.lines import Line
from s3d.tui.local import Paths
from s3d.tui.places import object_path, page_path
from s3d.tui.preferences import Preferences
from s3d.tui.screens.dialogs import Choice, Confirm, Menu, View
from s3d.tui.screens.form_screen import Field, FormScreen

FOLD = 5.0
"""Seconds in which the same words are said once, with their number."""
TOLD = 5.0
"""Seconds that the last action stays at the foot."""
COUNTING = 2.0
"""Seconds in which what is below a prefix is counted before one is asked."""
LINKS = {"1 hour": 3600, "1 day": 86_400, "1 week": 604_800}
_CACHED = {"pin": "pinned", "unpin": "unpinned", "prefetch": "prefetch begun", "evict": "evicted"}


class AgentActions(App[None]):
    """Base of the app. is_readonly: asks the agent for nothing that changes anything."""

    def __init__(
        self, agent: Agent, *, glyphs: Glyphs, is_readonly: bool, preferences: Preferences,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        super().__init__()
        self.agent, self.is_readonly, self.clock = agent, is_readonly, clock
        self.preferences, self.glyphs = preferences, glyphs
        self.state = State()
        self.told: tuple[float, str] = (0.0, "")
        """When the last action was done, in Unix seconds, and what to say of it."""
        self._said = (0.0, "", 0)

    def hurry(self) -> None:
        """Look at the agent now."""

    def draw_foot(self) -> None:
        """The line at the foot."""

    def show_log(self, wanted: str) -> None:
        """The log, where it tells of something."""

    @property
    def endpoint(self) -> str:
        """The S3 endpoint's URL, as far as it is known."""
        return self.state.status.endpoint if self.state.status is not None else "http://127.0.0.1"

    # Words

    def say(self, text: str, *, is_bad: bool = False) -> None:
        """A word in the corner; the same again is only counted, at the foot."""
        now = time.monotonic()
        at, before, number = self._said
        number = number + 1 if text == before and now - at < FOLD else 1
        self._said = (now, text, number)
        if number > 1:
            self.tell(f"{text} (x{number})", is_good=False)
            return
        self.notify(
            safe(text),
            severity="error" if is_bad else "information",
            timeout=6 if is_bad else 3,
            markup=False,
        )

    def tell(self, text: str, command: str = "", *, is_good: bool = True) -> None:
        """At the foot: what was done, and the command that does the same."""
        sign = self.glyphs.good if is_good else self.glyphs.bad
        command = f"   $ {safe(command)}" if command else ""
        self.told = (self.clock(), f" {sign} {safe(text)}{command}")
        self.draw_foot()

    def view(self, title: str, lines: Sequence[Line], copied: str = "") -> None:
        self.push_screen(View(title, lines, copied))

    def copy(self, text: str) -> None:
        """For the clipboard, and shown: not every terminal lets it be set."""
        self.copy_to_clipboard(text)
        if safe(text) != text:
            self.say("copied as it is: it holds characters that a terminal would act on")
        self.tell(f"copied: {text}")

    # Questions

    def confirm(self, question: str, then: Callable[[], object], typed: str = "") -> None:
        """Ask, and do it if the answer is yes. typed: what has to be written for a yes."""

        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.push_screen(Confirm(question, typed), answered)

    def menu(self, title: str, choices: Sequence[Choice], then: Callable[[str], object]) -> None:
        def answered(value: str | None) -> None:
            if value:
                then(value)

        self.push_screen(Menu(title, choices), answered)

    def form(
        self, title: str, fields: Sequence[Field], then: Callable[[dict[str, str]], object], *,
        about: str = "", verb: str = "does it", completes: str = "",
    ) -> None:  # fmt: skip
        """completes: the field that is a path of this machine."""

        def answered(values: Mapping[str, str] | None) -> None:
            if values is not None:
                then(dict(values))

        screen = FormScreen(title, fields, about=about, verb=verb)
        self.push_screen(screen, answered)
        if completes:
            self.call_after_refresh(_complete, screen, completes)

    def may_write(self) -> bool:
        """Whether anything can be changed now; if not, it is said why."""
        if self.is_readonly:
            self.say("this is read only", is_bad=True)
        elif not self.state.is_live:
            self.say("the agent does not answer: this waits until it does", is_bad=True)
        return not self.is_readonly and self.state.is_live

    # Calls

    @work(group="act", exit_on_error=False)
    async def act(
        self, method: str, path: str, done: str, body: Any = None, *, command: str = "",
        then: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        """Ask the agent for something, and say when it is done, or why not.

        command: that of a terminal which does the same.
        """
        if not self.may_write():
            return
        try:
            await self.agent.ask(method, path, object, body)
        except (AgentUnreachable, RequestRefused) as error:
            self._failed(error)
            return
        self.tell(done, command)
        self.hurry()
        if then is not None:
            then()

    def _failed(self, error: AgentUnreachable | RequestRefused) -> None:
        hint = error.problem.hint if isinstance(error, RequestRefused) else ""
        self.say(f"{error}. {hint}" if hint else str(error), is_bad=True)

    def act_on_cache(self, verb: str, where: CachePlace) -> None:
        """pin, unpin, prefetch or evict it."""
        name = place(where.bucket, where.key or where.prefix)
        words = ["cache", "evict", name] if verb == "evict" else [verb, name]
        body: Any = where
        if verb == "prefetch":
            body = PrefetchRequest(where.bucket, where.key or where.prefix)
        self.act("POST", f"/v1/cache:{verb}", f"{_CACHED[verb]}: {name}", body,
                 command=said(*words))  # fmt: skip

    def presign(self, bucket: str, key: str) -> None:
        """Ask for how long and for what, and copy the URL."""
        fields = [
            Field("time", "Good for", "1 hour", options=tuple(LINKS)),
            Field("method", "For", "GET", options=("GET", "PUT", "HEAD", "DELETE")),
        ]
        self.form(f"Link to {key}", fields, lambda found: self._presign(bucket, key, found),
                  verb="copies it")  # fmt: skip

    @work(exclusive=True, group="link", exit_on_error=False)
    async def _presign(self, bucket: str, key: str, found: dict[str, str]) -> None:
        wanted = PresignRequest(found["method"], LINKS[found["time"]])
        path = object_path(bucket, key, ":presign")
        try:
            made = await self.agent.ask("POST", path, Presigned, wanted)
        except (AgentUnreachable, RequestRefused) as error:
            self._failed(error)
            return
        self.copy_to_clipboard(made.url)
        words = ["presign", place(bucket, key)]
        self.tell("link copied", said(*words))
        self.view(f"{wanted.method}, good for {found['time']}; it was copied", [made.url], made.url)

    @work(exclusive=True, group="tags", exit_on_error=False)
    async def with_tags(self, path: str, then: Callable[[dict[str, str]], object]) -> None:
        """The tags at a path of the control API."""
        try:
            found = await self.agent.ask("GET", path, Tags)
        except (AgentUnreachable, RequestRefused) as error:
            self._failed(error)
            return
        then(found.tags)

    @work(exclusive=True, group="count", exit_on_error=False)
    async def count_below(
        self, bucket: str, prefixes: Sequence[str], then: Callable[[int, int, bool], object]
    ) -> None:
        """Objects and bytes below prefixes, and whether that is all of them: it may be too much."""
        files, total, is_all = 0, 0, True
        end = time.monotonic() + COUNTING
        try:
            for prefix in prefixes:
                cursor, is_last = "", False
                while is_all and not is_last:
                    path = page_path(bucket, prefix, cursor=cursor, deep=True)
                    page = await self.agent.ask("GET", path, Listing)
                    files += len(page.objects)
                    total += sum(info.size for info in page.objects)
                    cursor, is_last = page.cursor, not page.cursor
                    is_all = is_last or time.monotonic() < end
        except (AgentUnreachable, RequestRefused) as error:
            self._failed(error)
            return
        then(files, total, is_all)

    def keep_preferences(self) -> None:
        """Write them; a file that cannot be is told."""
        try:
            self.preferences.keep()
        except OSError as error:
            self.say(f"the preferences cannot be kept: {error}", is_bad=True)


def _complete(screen: FormScreen, name: str) -> None:
    screen.query_one(f"#{name}", Input).suggester = Paths()
