"""The content of a marker object: the newest changes below a prefix, and who made them. Pure.

    {"format": 1, "agents": {"4f2c...": 12}, "changes": [["4f2c...", 12, "notes/today.txt"]]}

Each run of an agent has an id of its own and counts its changes from 1. A reader that has seen the
changes of an agent up to a number knows from the next number whether it has missed any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple

import msgspec

from s3d.agent.core.path_names import is_marker
from s3d.agent.remote_changes.message_forms import is_key

FORMAT = 1
MAX_CHANGES = 1_000
MAX_AGENTS = 100
MAX_BYTES = 256 << 10
"""Of the paths in a marker. Older changes are left out, which readers notice."""
ANYTHING = ""
"""The path of a change that may concern every object below the prefix."""

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=1 << 53)]


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One change: the agent's id, its number, and the path below the prefix."""

    agent: _Id
    number: _Number
    path: Annotated[str, msgspec.Meta(max_length=1024)]


class Marker(msgspec.Struct, frozen=True):
    """The content of a marker object."""

    format: int = FORMAT
    agents: dict[_Id, _Number] = {}
    """Agent -> the number of its newest change."""
    changes: tuple[Change, ...] = ()
    """The newest ones, the oldest first."""


class News(NamedTuple):
    """What a reader has to look at."""

    paths: tuple[str, ...] = ()
    is_gap: bool = False
    """Further changes are unknown, so that only a listing shows them."""


class MarkerUnusable(ValueError):
    """The content is no marker. str(): why."""

    def __init__(self, why: str, *, is_newer: bool = False) -> None:
        """is_newer: a newer s3d has written it, so that this one must not replace it."""
        super().__init__(why)
        self.is_newer = is_newer


def decode_marker(data: bytes) -> Marker:
    """Raises MarkerUnusable."""
    try:
        version = msgspec.json.decode(data, type=_Version).format
        if version > FORMAT:
            why = f"a newer s3d has written it in format {version}; update this s3d"
            raise MarkerUnusable(why, is_newer=True)
        return msgspec.json.decode(data, type=Marker)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MarkerUnusable(f"it is no marker: {error}") from error


class _Version(msgspec.Struct):
    format: int


def encode_marker(marker: Marker) -> bytes:
    return msgspec.json.encode(marker)


def with_changes(marker: Marker, agent: str, own: Iterable[Change]) -> Marker:
    """The marker with the changes of one agent, which may be in it already."""
    changes = {(change.agent, change.number): change for change in marker.changes}
    agents = dict(marker.agents)
    for change in own:
        changes.setdefault((change.agent, change.number), change)
        agents[agent] = max(agents.get(agent, 0), change.number)
    newest = _newest(changes.values())
    active = {change.agent for change in newest}
    idle = [each for each in agents if each not in active]
    dropped = set(idle[: max(0, len(agents) - MAX_AGENTS)])
    return Marker(
        agents={each: number for each, number in agents.items() if each not in dropped},
        changes=newest,
    )


def _newest(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Those that fit into a marker."""
    found: list[Change] = []
    size, agents = 0, set[str]()
    for change in reversed(list(changes)):
        size += len(change.path.encode("utf-8", "surrogatepass")) + len(change.agent) + 16
        agents.add(change.agent)
        if len(found) == MAX_CHANGES or size > MAX_BYTES or len(agents) > MAX_AGENTS:
            break
        found.append(change)
    return tuple(reversed(found))


def news_of(seen: Mapping[str, int] | None, marker: Marker, own: str) -> News:
    """What has changed since a marker was read.

    seen: its agents; None: none was read before, so that anything may have changed. own: the id of
    this run, whose changes are no news. A marker that is older than what was seen has no news.
    """
    if seen is None:
        return News(is_gap=True)
    last = {agent: seen.get(agent, 0) for agent in marker.agents if agent != own}
    new = [
        change
        for change in marker.changes
        if change.number > last.get(change.agent, marker.agents.get(change.agent, change.number))
    ]
    missing = sum(max(0, marker.agents[agent] - number) for agent, number in last.items())
    is_gap = len({(change.agent, change.number) for change in new}) < missing
    is_gap = is_gap or any(change.path == ANYTHING for change in new)
    paths = dict.fromkeys(change.path for change in new if is_key(change.path))
    return News(tuple(path for path in paths if not is_marker(path)), is_gap)


def seen_after(seen: Mapping[str, int] | None, marker: Marker) -> dict[str, int]:
    """The agents and numbers that a reader of the marker has seen."""
    before = seen or {}
    return {agent: max(number, before.get(agent, 0)) for agent, number in marker.agents.items()}
