"""Settings that give a policy by bucket or prefix: S3D_CONFLICTS and S3D_AFTER_UPLOAD.

They are written "photos/=ours, cams/2026=theirs, park": each entry is BUCKET/PREFIX=POLICY, and an
entry without a name is the policy for everything else. The longest matching name decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

P = TypeVar("P")

Named = tuple[tuple[str, P], ...]
"""(BUCKET/ or BUCKET/PREFIX, policy); the longest name first."""


def parse_policies(text: str, parse: Callable[[str], P]) -> tuple[P | None, Named[P]]:
    """The policy for everything else, None if there is no such entry, and those with a name.

    Entries are separated by commas or lines. parse: reads one policy, and raises ValueError.
    Raises ValueError with what is expected.
    """
    default: P | None = None
    entries: dict[str, P] = {}
    parts = text.splitlines() if "\n" in text else text.split(",")
    for part in filter(None, map(str.strip, parts)):
        name, equals, words = part.rpartition("=")
        policy, name = parse(words.strip()), name.strip()
        if not equals:
            if default is not None:
                raise ValueError(f"{words}: the policy for everything else is already {default}")
            default = policy
            continue
        if not name or name.startswith("/"):
            raise ValueError(f"{part!r} names no bucket: write BUCKET/PREFIX={policy}")
        start = name if "/" in name else f"{name}/"
        if start in entries:
            raise ValueError(f"{name} appears twice")
        entries[start] = policy
    longest_first = sorted(entries.items(), key=lambda entry: (-len(entry[0]), entry[0]))
    return default, tuple(longest_first)


def policy_of(bucket: str, key: str, entries: Named[P], default: P) -> P:
    """The policy for a key, or for a prefix.

    >>> entries = (("b/2026", "theirs"), ("b/", "ours"))
    >>> [policy_of("b", key, entries, "park") for key in ("2026/x", "y")]
    ['theirs', 'ours']
    """
    name = f"{bucket}/{key}"
    return next((policy for start, policy in entries if name.startswith(start)), default)


def policies_text(entries: Named[P], default: P) -> str:
    """The setting as it is written.

    >>> policies_text((("photos/", "ours"),), "park")
    'photos/=ours, park'
    """
    named = (f"{name}={policy}" for name, policy in entries)
    return ", ".join([*named, str(default)])
