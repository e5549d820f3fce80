"""The setting write_queue.priorities: which pending writes are pushed first, by bucket and prefix.

"photos/thumbnails/=10, logs/=-5" is BUCKET/PREFIX=PRIORITY; the longest matching name decides, and
everything else has priority 0, or that of an entry without a name. The tag s3d.priority of an
object has precedence. The numbers are those of `s3d queue priority`: greater ones go first.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from s3d.shared.config.named_policies import parse_policies, policies_text, policy_of

MAX_PRIORITY = 1000
"""Its negative is the lowest."""
TAG = "s3d.priority"
"""A tag whose value is the priority of its object."""


class Priorities(msgspec.Struct, frozen=True):
    """The setting S3D_WRITE_QUEUE_PRIORITIES."""

    default: int = 0
    entries: tuple[tuple[str, int], ...] = ()
    """(BUCKET/ or BUCKET/PREFIX, priority); the longest name first."""

    def of(self, bucket: str, key: str) -> int:
        """The priority of a write of this key.

        >>> priorities = parse_priorities("cams/=2, cams/raw/=-5")
        >>> [priorities.of("cams", key) for key in ("raw/1", "1")], priorities.of("logs", "1")
        ([-5, 2], 0)
        """
        if not self.entries:
            return self.default
        return policy_of(bucket, key, self.entries, self.default)

    def of_object(self, bucket: str, key: str, tags: Mapping[str, str]) -> int:
        """The priority of a write of an object with these tags. A tag whose value is no priority
        does not count: clients set it, and a typing error must not refuse their writes."""
        if TAG in tags:
            with suppress(ValueError):
                return _priority(tags[TAG])
        return self.of(bucket, key)

    def __str__(self) -> str:
        """The setting as it is written."""
        return policies_text(self.entries, self.default)


def parse_priorities(text: str) -> Priorities:
    """Raises ValueError with what is expected.

    >>> str(parse_priorities("cams/raw/=-5, cams/=2"))
    'cams/raw/=-5, cams/=2, 0'
    """
    default, entries = parse_policies(text, _priority)
    return Priorities(default or 0, entries)


def _priority(text: str) -> int:
    try:
        priority = int(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a priority: write BUCKET/PREFIX=NUMBER, as in photos/=10, logs/=-5"
        ) from None
    if abs(priority) > MAX_PRIORITY:
        raise ValueError(f"{text} is not from -{MAX_PRIORITY} to {MAX_PRIORITY}")
    return priority
