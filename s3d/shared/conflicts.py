"""What happens to a write that the remote has overtaken: policies by bucket and prefix. Pure.

It is written "photos/=ours, park": each entry is BUCKET/PREFIX=POLICY, and one without a name is
for everything else. The longest name that a write's bucket/key begins with decides.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ConflictPolicy(StrEnum):
    """Which side wins when somebody else has written to the remote after us."""

    PARK = "park"
    """The remote keeps its version; ours is kept here until somebody decides."""
    OURS = "ours"
    """Our write replaces the remote's version."""
    THEIRS = "theirs"
    """The remote keeps its version, and our write is dropped."""


class Conflicts(msgspec.Struct, frozen=True):
    """The setting S3D_CONFLICTS."""

    default: ConflictPolicy = ConflictPolicy.PARK
    entries: tuple[tuple[str, ConflictPolicy], ...] = ()
    """(BUCKET or BUCKET/PREFIX, policy); the longest name first."""

    def of(self, bucket: str, key: str) -> ConflictPolicy:
        """The policy for a key."""
        if not self.entries:
            return self.default
        name = f"{bucket}/{key}"
        return next(
            (policy for start, policy in self.entries if name.startswith(start)), self.default
        )

    def __str__(self) -> str:
        """As it is written."""
        return ", ".join([*(f"{name}={policy}" for name, policy in self.entries), self.default])


def parse_conflicts(text: str) -> Conflicts:
    """Entries are parted by commas or lines. Raises ValueError that says what is right."""
    default: ConflictPolicy | None = None
    entries: dict[str, ConflictPolicy] = {}
    parts = text.splitlines() if "\n" in text else text.split(",")
    for part in filter(None, map(str.strip, parts)):
        name, equals, word = part.rpartition("=")
        policy = _policy(word.strip())
        name = name.strip()
        if not equals:
            if default is not None:
                raise ValueError(f"{word}: the policy for everything else is already {default}")
            default = policy
            continue
        if not name or name.startswith("/"):
            raise ValueError(f"{part!r} names no bucket: write BUCKET/PREFIX={policy}")
        start = name if "/" in name else f"{name}/"
        if start in entries:
            raise ValueError(f"{name} stands in it twice")
        entries[start] = policy
    longest_first = sorted(entries.items(), key=lambda entry: (-len(entry[0]), entry[0]))
    return Conflicts(default or ConflictPolicy.PARK, tuple(longest_first))


def _policy(word: str) -> ConflictPolicy:
    try:
        return ConflictPolicy(word)
    except ValueError:
        words = ", ".join(ConflictPolicy)
        raise ValueError(f"{word!r} is not one of {words}") from None
