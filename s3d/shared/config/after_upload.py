"""The setting after_upload: what happens to the local copy of an object that was uploaded.

It is written like "photos/=evict when verified, cams/2026=evict after 7 days newest first, keep":
named_policies.py has the rules for names.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from s3d.shared.config.named_policies import parse_policies, policies_text, policy_of
from s3d.shared.text import parse_age

_POLICY = re.compile(
    r"(?P<keep>keep)|evict (?:when verified|after (?P<age>[^,]+?))"
    r"(?P<order> (?:newest|oldest) first)?"
)
_DAYS = re.compile(r"(\d+(?:\.\d+)?) days?")
_EXPECTED = (
    "write keep, evict when verified or evict after 7 days, the last two also with newest first "
    "or oldest first behind it"
)


class Order(StrEnum):
    """Which local copies are evicted first."""

    NEWEST = "newest"
    OLDEST = "oldest"


class UploadPolicy(msgspec.Struct, frozen=True):
    """The policy for one object. age: seconds after its receipt; None: it is kept."""

    age: float | None = None
    order: Order = Order.OLDEST

    @property
    def evicts(self) -> bool:
        return self.age is not None

    def __str__(self) -> str:
        if self.age is None:
            return "keep"
        when = f"after {_spelt(self.age)}" if self.age else "when verified"
        return f"evict {when}" + (" newest first" if self.order is Order.NEWEST else "")


KEEP = UploadPolicy()


class AfterUpload(msgspec.Struct, frozen=True):
    """The setting S3D_AFTER_UPLOAD."""

    default: UploadPolicy = KEEP
    entries: tuple[tuple[str, UploadPolicy], ...] = ()
    """(BUCKET/ or BUCKET/PREFIX, policy); the longest name first."""

    @property
    def evicts(self) -> bool:
        """Whether it evicts anything at all."""
        return self.default.evicts or any(policy.evicts for _, policy in self.entries)

    def of(self, bucket: str, key: str) -> UploadPolicy:
        """The policy for a key."""
        return policy_of(bucket, key, self.entries, self.default)

    def evicts_below(self, bucket: str, prefix: str) -> bool:
        """Whether it evicts any object with this prefix."""
        start = f"{bucket}/{prefix}"
        inside = any(name.startswith(start) and policy.evicts for name, policy in self.entries)
        return inside or self.of(bucket, prefix).evicts

    def __str__(self) -> str:
        """The setting as it is written."""
        return policies_text(self.entries, self.default)


def parse_after_upload(text: str) -> AfterUpload:
    """Raises ValueError with what is expected."""
    default, entries = parse_policies(text, _policy)
    return AfterUpload(default or KEEP, entries)


def _policy(words: str) -> UploadPolicy:
    match = _POLICY.fullmatch(" ".join(words.lower().split()))
    if match is None:
        raise ValueError(f"{words!r} is not a policy: {_EXPECTED}")
    if match["keep"]:
        return KEEP
    order = Order.NEWEST if "newest" in (match["order"] or "") else Order.OLDEST
    return UploadPolicy(_age(match["age"]) if match["age"] else 0.0, order)


def _age(text: str) -> float:
    days = _DAYS.fullmatch(text)
    return parse_age(f"{days[1]}d" if days is not None else text)


def _spelt(age: float) -> str:
    days, rest = divmod(age, 24 * 3600)
    if rest:
        return f"{age:g}s"
    return "1 day" if days == 1 else f"{days:.0f} days"
