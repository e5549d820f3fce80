"""An agent of the demonstration: `s3d tui --demo`, tests and screenshots use it.

It answers the routes that the app calls, with values that are the same in every run.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

from msgspec import structs

from s3d.shared import control
from s3d.shared.caching import (
    CacheList,
    CacheState,
    CacheStatus,
    Pin,
    PinList,
    PinStatus,
    PrefetchStatus,
)
from s3d.shared.control import (
    AgentStatus,
    ApiVersion,
    BucketInfo,
    BucketList,
    BucketProperties,
    BucketProperty,
    Event,
    Hello,
    Listing,
    ObjectStatus,
    Presigned,
    Problem,
    Tags,
)
from s3d.shared.syncing import (
    FolderList,
    FolderSpec,
)
from s3d.shared.transfers import (
    QueueLimits,
    QueueStatus,
    RemoteStatus,
    Totals,
    Transfer,
    TransferList,
)
from s3d.tui import demo_values as values
from s3d.tui.agent_client import RequestRefused
from s3d.tui.demo_objects import object_bytes
from s3d.tui.demo_values import ENDPOINT, GIB, LOG, MIB, NOW

PAGE = 1_000

T = TypeVar("T")


class DemoAgent:
    """Answers at once. Writes have the effects that can be seen in the app.

    clock: Unix seconds; transfers make progress as it advances from NOW.
    """

    socket = ""
    is_local = True
    is_demo = True

    def __init__(self, clock: Callable[[], float] = lambda: NOW) -> None:
        self._clock = clock
        self.calls: list[tuple[str, str, Any]] = []
        """Method, path and body of every call that changes something."""
        self.transfers = values.transfers()
        self.pins = [Pin("pix", prefix="photos/2024/")]
        self.folders = values.folders()
        self.mounts = values.mounts()
        self.tags = {"album": "2025"}
        self.properties = {each.name: each for each in values.properties()}
        self.deleted: set[tuple[str, str]] = set()
        self.is_gone = asyncio.Event()
        """When it is set, the events end, as those of an agent that is killed."""

    async def call(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        place, _, query = path.partition("?")
        words = dict(parse_qsl(query, keep_blank_values=True))
        if method == "GET":
            found = self._get(unquote(place), words)
        else:
            self.calls.append((method, path, body))
            found = self._do(method, unquote(place), words, body)
        return control.decode(control.encode(found), kind)

    def instance_id(self) -> object:
        return None

    def _get(self, place: str, words: dict[str, str]) -> Any:
        parts = place.split("/")
        if place.startswith("/v1/buckets/"):
            return self._of_bucket(parts[3], parts[4], words)
        if place == "/v1/status" and "key" in words:
            return self._object(words["bucket"], words["key"])
        if place == "/v1/status" and words:
            return BucketInfo(
                words["bucket"], NOW - 86_400.0 * 30, 1_204, 18 * GIB, {"team": "red"}
            )
        if place.startswith("/v1/sync/"):
            return self._of_folder(parts[3], parts[4] if len(parts) > 4 else "")
        answers: dict[str, Callable[[], Any]] = {
            "/v1/hello": lambda: Hello("1.0.0", ApiVersion(), "demo", 1, ENDPOINT),
            "/v1/status": self._status,
            "/v1/sync": lambda: FolderList(self.folders),
            "/v1/buckets": lambda: BucketList(values.buckets()),
            "/v1/transfers": lambda: TransferList(self._moved(words.get("state", ""))),
            "/v1/cache/entries": lambda: CacheList(
                [
                    each
                    for each in values.entries()
                    if words.get("contains", "") in f"{each.bucket}/{each.key}"
                ]
            ),
            "/v1/cache/pins": lambda: PinList(
                [PinStatus(pin, *values.PINNED, looked=NOW - 60) for pin in self.pins]
            ),
            "/v1/samples": lambda: values.samples(self._clock()),
            "/v1/logs": lambda: values.log(int(words.get("since", "0"))),
            "/v1/config": values.settings,
        }
        return answers[place]()

    def _of_bucket(self, bucket: str, what: str, words: dict[str, str]) -> Any:
        if what == "tags":
            return Tags(self.tags if "key" in words else {"team": "red"})
        if what == "properties":
            return BucketProperties(list(self.properties.values()))
        if what == "versions":
            return values.versions(bucket, words["key"]) if "key" in words else Listing([], [])
        return self._page(bucket, words)

    def _of_folder(self, name: str, what: str) -> Any:
        if what:
            rest = {"conflicts": values.conflicts, "history": values.history, "diff": values.diff}
            return rest[what]()
        found = next(folder for folder in self.folders if folder.name == name)
        spec = FolderSpec(found.path, found.bucket, found.prefix, found.mode, "* !*.tmp")
        return structs.replace(found, spec=spec)

    def _moved(self, state: str) -> list[Transfer]:
        """The transfers with the progress of this moment."""
        seconds = max(self._clock() - NOW, 0.0)
        found = [values.after(each, seconds) for each in self.transfers]
        return [each for each in found if state in ("", each.state)]

    def _do(self, method: str, place: str, words: dict[str, str], body: Any) -> Any:
        if place == "/v1/sync:check":
            return values.check(body)
        if place == "/v1/sync:validate" or place.endswith(":plan"):
            return values.PLAN
        if "/properties/" in place:
            name = place.rpartition("/")[2]
            self.properties[name] = BucketProperty(name, body.document if body else "")
        if place.endswith(":presign"):
            return Presigned(f"{ENDPOINT}/signed?X-Amz-Expires={body.expires}", NOW + body.expires)
        if place.startswith("/v1/transfers/"):
            return self._change_transfer(place.split("/")[3], body)
        if place == "/v1/transfers":
            return self._start(body)
        if method == "PATCH" and place.endswith("/tags"):
            self.tags = {k: v for k, v in {**self.tags, **body.set}.items() if k not in body.unset}
            return Tags(self.tags)
        if place in ("/v1/cache:pin", "/v1/cache:unpin"):
            pin = Pin(body.bucket, body.key, body.prefix)
            self.pins = [each for each in self.pins if each != pin]
            self.pins += [pin] if place.endswith(":pin") else []
        if place == "/v1/cache:prefetch":
            return PrefetchStatus("1", body.bucket, body.prefix)
        if place == "/v1/mounts:unmount":
            self.mounts = [each for each in self.mounts if each.dir != body.dir]
        if method == "DELETE" and place.endswith("/object"):
            self.deleted.add((place.split("/")[3], words["key"]))
        return {}

    def _change_transfer(self, what: str, body: Any) -> Any:
        id, _, verb = what.partition(":")
        if verb == "retry" and id == "8f10":
            raise RequestRefused(
                Problem("AccessDenied", "the remote still says no", "s3:PutObject")
            )
        if verb in ("discard", "cancel"):
            self.transfers = [each for each in self.transfers if each.id != id]
        states = {"pause": "held", "resume": "waiting", "retry": "waiting"}
        if verb in states:
            self.transfers = [
                structs.replace(each, state=states[verb]) if each.id == id else each
                for each in self.transfers
            ]
        return {}

    def _start(self, request: Any) -> TransferList:
        """A transfer for each key, prefix and path; deletions have their effect at once."""
        started = []
        for key in [*request.keys, *request.prefixes, *request.paths]:
            id = f"t{len(self.transfers) + 1}"
            target = request.to_path or f"{request.to_bucket}/{request.to_prefix}"
            started.append(
                Transfer(id, request.kind, request.kind, request.bucket, key, 1000, "waiting",
                         self._clock(), target=target)
            )  # fmt: skip
            self.transfers.append(started[-1])
            if request.kind == "delete":
                self.deleted.add((request.bucket, key))
        return TransferList(started)

    def _status(self) -> AgentStatus:
        return AgentStatus(
            version="1.0.0", pid=1, started=NOW - 11_520, endpoint=ENDPOINT,
            socket="/run/agent.sock", auth="sigv4", ephemeral=False,
            remote=RemoteStatus("https://s3.eu-west-1.amazonaws.com", True, last_success=NOW),
            queue=QueueStatus(
                self._share("waiting"), self._share("running"), self._share("held"),
                self._share("failed"),
                QueueLimits(100 * GIB, 100_000), "/q", verifying=self._share("verifying"),
                conflict=self._share("conflict"), oldest=NOW - 372, rate=48.2 * MIB,
                remaining=88, arrival_p50=0.85, arrival_p99=9.2,
            ),
            cache=CacheStatus(
                "/c", int(7.1 * GIB), 4_812, 10 * GIB, 100_000, 60.0, pins=1, hits=86_000,
                misses=14_000, hit_bytes=90 * GIB, fetched_bytes=12 * GIB, evictions=312,
                saved_requests=81_204, saved_bytes=88 * GIB, saved_cost=7.95,
            ),
            sync=self.folders, mounts=self.mounts,
        )  # fmt: skip

    def _share(self, state: str) -> Totals:
        """The writes of the queue in a state."""
        sizes = [each.size for each in self.transfers if (each.kind, each.state) == ("push", state)]
        return Totals(len(sizes), sum(sizes))

    def _page(self, bucket: str, words: dict[str, str]) -> Listing:
        if bucket not in {found.name for found in values.buckets()}:
            raise RequestRefused(
                Problem("NoSuchBucket", "The specified bucket does not exist", bucket)
            )
        prefix, start = words.get("prefix", ""), int(words.get("cursor") or 0)
        keys, folders = values.keys(bucket, prefix[: prefix.rfind("/") + 1])
        if not prefix.endswith("/"):
            keys, folders = ([each for each in found if each.startswith(prefix)]
                             for found in (keys, folders))  # fmt: skip
        numbered = [
            (number, key)
            for number, key in enumerate(keys[start : start + PAGE], start)
            if (bucket, key) not in self.deleted
        ]
        rows = [values.object_at(bucket, key, number) for number, key in numbered]
        states = {key: values.key_state(number) for number, key in numbered}
        more = str(start + PAGE) if len(keys) > start + PAGE else ""
        return Listing(rows, folders if not start else [], more,
                       {key: state for key, state in states.items() if state})  # fmt: skip

    def _object(self, bucket: str, key: str) -> ObjectStatus:
        """Says the same of it as the listing."""
        number = values.number_of(bucket, key)
        info, state = values.object_at(bucket, key, number), values.key_state(number)
        held = {"cached": info.size, "pinned": info.size, "partial": info.size * 5 // 8}
        return ObjectStatus(
            bucket, key, info.size, info.etag, info.last_modified,
            content_type=mimetypes.guess_type(key)[0] or "binary/octet-stream",
            metadata={"mtime": "1795759880.5"}, tags=self.tags,
            state=state if state in ("pending", "failed") else "pushed",
            cache=CacheState(held.get(state, 0), info.size, state == "pinned"),
        )  # fmt: skip

    async def read_range(self, path: str, start: int, size: int) -> bytes:
        words = dict(parse_qsl(path.partition("?")[2], keep_blank_values=True))
        return object_bytes(words["key"])[start : start + size]

    async def events(self) -> AsyncIterator[Event]:
        for event in LOG:
            yield event
        await self.is_gone.wait()

    async def close(self) -> None:
        return None
