"""Which actions of the buckets pane are possible now, and why the others are not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from s3d.tui.panes.object_selection import Target


class Situation(NamedTuple):
    """target: what is under the cursor. bucket: whose objects are listed; empty for the buckets.

    is_selected: objects or prefixes are marked, or under the cursor. shows_deleted: the listing
    has the deleted objects, too.
    """

    target: Target
    bucket: str
    is_selected: bool
    shows_deleted: bool


def refusal(action: str, now: Situation) -> str:
    """Why an action is not possible, as a sentence; empty when it is possible."""
    is_possible, reason = _NEEDS.get(action, _NOTHING)
    return "" if is_possible(now) else reason


def _is_object(now: Situation) -> bool:
    return now.target.info is not None


def _is_selected(now: Situation) -> bool:
    return now.is_selected


def _is_object_or_bucket(now: Situation) -> bool:
    return now.target.info is not None or now.target.is_bucket


def _is_anything(now: Situation) -> bool:
    return now.is_selected or now.target.is_bucket


def _has_bucket(now: Situation) -> bool:
    return bool(now.target.bucket)


_Need = tuple[Callable[[Situation], bool], str]
_NOTHING: _Need = (lambda now: True, "")
_SOMETHING: _Need = (_is_anything, "Nothing is under the cursor")
_OBJECTS: _Need = (_is_selected, "Open a bucket, and choose objects or prefixes first")
_NEEDS: Mapping[str, _Need] = {
    "view": (_is_object, "Only an object can be viewed"),
    "versions": (_is_object, "Only an object has versions"),
    "download": _OBJECTS,
    "move": _OBJECTS,
    "upload": (lambda now: bool(now.bucket), "Open a bucket first, or press n to create one"),
    "delete": _SOMETHING,
    "pin": _SOMETHING,
    "prefetch": _SOMETHING,
    "evict": _SOMETHING,
    "tags": (_is_object_or_bucket, "Only objects and buckets have tags"),
    "copy": (_has_bucket, "Nothing is under the cursor"),
    "sizes": (_has_bucket, "No bucket is under the cursor"),
    "properties": (_has_bucket, "No bucket is under the cursor"),
    "deleted": (lambda now: bool(now.bucket), "Open a bucket first"),
    "restore": (lambda now: now.shows_deleted, "Press . to show the deleted objects first"),
}
"""Action -> what it needs, and the sentence when that is missing."""
