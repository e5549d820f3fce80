"""Actions of the panes on the agent: send a request in a worker, and report the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from textual.app import App
from textual.worker import Worker

from s3d.shared.caching import CachePlace, PrefetchRequest
from s3d.shared.control import Presigned, PresignRequest, Tags
from s3d.tui.agent_client import (
    Agent,
    AgentUnreachable,
    RequestRefused,
    error_text,
    listing_pages,
)
from s3d.tui.app_state import State
from s3d.tui.cli_equivalent import command as cli_command
from s3d.tui.cli_equivalent import object_name
from s3d.tui.control_paths import object_path, queue_path
from s3d.tui.prompts import Prompts
from s3d.tui.screens.form_screen import Field
from s3d.tui.user_messages import Messages

COUNT_TIME = 2.0
"""Seconds for which objects below a prefix are counted before the confirmation."""
LINK_TIMES = {"1 hour": 3600, "1 day": 86_400, "1 week": 604_800}
"""What the user chooses -> seconds for which a presigned URL is valid."""
NOT_RESPONDING = "Not done: the agent isn't responding"
_CACHE_RESULTS = {
    "pin": "pinned", "unpin": "unpinned", "prefetch": "Prefetch started", "evict": "evicted",
}  # fmt: skip


class AgentActions:
    """poll: reads the agent's state now, after an action has changed it."""

    def __init__(
        self,
        app: App[Any],
        *,
        agent: Agent,
        state: State,
        messages: Messages,
        prompts: Prompts,
        poll: Callable[[], None],
        is_readonly: bool,
    ) -> None:
        self._app, self._agent, self._state = app, agent, state
        self._messages, self._prompts, self._poll = messages, prompts, poll
        self.is_readonly = is_readonly

    def may_write(self, *, is_reading: bool = False) -> bool:
        """Whether the agent can be changed now; if not, a toast gives the reason.

        is_reading: the agent starts something, but changes neither itself nor the objects.
        """
        is_refused = self.is_readonly and not is_reading
        if is_refused:
            self._messages.toast("The app is read-only", is_error=True)
        elif not self._state.connection.is_live:
            self._messages.toast(NOT_RESPONDING, is_error=True)
        return not is_refused and self._state.connection.is_live

    def send(
        self,
        method: str,
        path: str,
        done: str,
        body: Any = None,
        *,
        command: str = "",
        then: Callable[[], object] | None = None,
        is_reading: bool = False,
    ) -> None:
        """Send a request that changes something, and report done, or why it has failed.

        command: the s3d command that does the same. then: called after success. is_reading: see
        may_write.
        """

        async def send() -> None:
            if not self.may_write(is_reading=is_reading):
                return
            await self._agent.call(method, path, object, body)
            self._messages.report(done, command)
            self._poll()
            if then is not None:
                then()

        self._start(send, "act", exclusive=False)

    def send_all(
        self, requests: Sequence[tuple[str, str]], done: str, *, command: str = ""
    ) -> None:
        """Send requests one after the other, up to the first that fails: method and path each."""

        async def send() -> None:
            if not self.may_write():
                return
            for method, path in requests:
                await self._agent.call(method, path, object)
            self._messages.report(done, command)
            self._poll()

        self._start(send, "act", exclusive=False)

    def change_cache(self, verb: str, place: CachePlace) -> None:
        """pin, unpin, prefetch or evict an object, or all that is below a prefix."""
        name = object_name(place.bucket, place.key or place.prefix)
        words = ["cache", "evict", name] if verb == "evict" else [verb, name]
        body: Any = place
        if verb == "prefetch":  # takes prefixes only; a key is a prefix of itself
            body = PrefetchRequest(place.bucket, place.key or place.prefix)
        result = f"{_CACHE_RESULTS[verb]}: {name}"
        self.send("POST", f"/v1/cache:{verb}", result, body, command=cli_command(*words))

    def toggle_queue(self) -> None:
        """Pause the pushes of the write queue, or resume them."""
        queue = self._state.queue
        if queue is None:
            self._messages.toast("No remote is set, so there is no queue")
        else:
            self.change_queue("resume" if queue.paused else "pause")

    def change_queue(self, verb: str) -> None:
        """pause or resume the whole queue."""
        path = queue_path(verb)
        self.send("POST", path, f"queue {verb}d", command=cli_command("queue", verb))

    def retry_queue(self) -> None:
        """Retry every write of the queue that has failed."""
        self.send("POST", queue_path("retry"), "retrying all failed uploads; checking the remote",
                  command=cli_command("queue", "retry", "--all"))  # fmt: skip

    def presign(self, bucket: str, key: str) -> None:
        """Ask for how long and for which method a URL shall be valid, and copy it."""
        fields = [
            Field("time", "Good for", "1 hour", options=tuple(LINK_TIMES)),
            Field("method", "For", "GET", options=("GET", "PUT", "HEAD", "DELETE")),
        ]

        def answered(values: dict[str, str]) -> None:
            self._start(lambda: self._presign(bucket, key, values), "link")

        self._prompts.fill_in(f"Link to {key}", fields, answered, verb="copy")

    async def _presign(self, bucket: str, key: str, values: dict[str, str]) -> None:
        request = PresignRequest(values["method"], LINK_TIMES[values["time"]])
        path = object_path(bucket, key, ":presign")
        presigned = await self._agent.call("POST", path, Presigned, request)
        self._app.copy_to_clipboard(presigned.url)
        self._messages.report("link copied", cli_command("presign", object_name(bucket, key)))
        title = f"{request.method}, valid for {values['time']}; copied to the clipboard"
        self._prompts.view(title, [presigned.url], presigned.url)

    def read_tags(self, path: str, then: Callable[[dict[str, str]], object]) -> None:
        """Call back with the tags at a path of the control API."""

        async def read() -> None:
            then((await self._agent.call("GET", path, Tags)).tags)

        self._start(read, "tags")

    def count_below(
        self, bucket: str, prefixes: Sequence[str], then: Callable[[int, int, bool], object]
    ) -> None:
        """Call back with the objects and bytes below prefixes, and whether that is all of them."""

        async def tally() -> None:
            objects, total, is_all = 0, 0, True
            end = time.monotonic() + COUNT_TIME
            for prefix in prefixes:
                async for page in listing_pages(self._agent, bucket, prefix, deep=True):
                    objects += len(page.objects)
                    total += sum(info.size for info in page.objects)
                    is_all = is_all and (not page.cursor or time.monotonic() < end)
                    if not is_all:
                        break
                if not is_all:
                    break
            then(objects, total, is_all)

        self._start(tally, "count")

    def _start(
        self, work: Callable[[], Coroutine[Any, Any, None]], group: str, *, exclusive: bool = True
    ) -> Worker[None]:
        """Run in a worker of the app. exclusive: an older one of the group is cancelled."""

        async def report_errors() -> None:
            try:
                await work()
            except (AgentUnreachable, RequestRefused) as error:
                self._messages.toast(error_text(error), is_error=True)

        return self._app.run_worker(
            report_errors, group=group, exclusive=exclusive, exit_on_error=False
        )
