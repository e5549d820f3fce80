"""What a remote does with conditions, checksums and listings, as values. Pure.

Capabilities are proven by a probe (capability_probe.py), quirks are learnt from ordinary responses.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from s3d.agent.s3.listing import OTHER, UNKNOWN
from s3d.agent.s3.refused_headers import OptionalGroup


class Level(StrEnum):
    """How well the remote protects concurrent writers from one another."""

    A = "A"
    """Compare and swap: no update is lost."""
    B = "B"
    """No conditions, but versions: an overwritten object can be recovered."""
    C = "C"
    """Neither: concurrent writers can lose updates."""


class Capabilities(msgspec.Struct, frozen=True):
    """The behaviour of one bucket of a remote."""

    endpoint: str
    bucket: str
    probed: float
    """Unix seconds."""
    put_if_absent: bool
    """If-None-Match: * on PutObject is evaluated, and atomically."""
    put_if_match: bool
    """If-Match on PutObject is evaluated."""
    if_match_on_absent: str
    """The error code of If-Match on a key that does not exist; "": the write succeeds."""
    delete_if_match: bool
    complete_if_absent: bool
    complete_if_match: bool
    copy_if_absent: bool
    checksums: tuple[str, ...]
    """Algorithms, and MD5 for Content-MD5, whose wrong value is refused."""
    versioning: str
    """Enabled, Suspended, "" (never enabled), or unsupported."""
    encryption: str
    """Default encryption of the bucket. With aws:kms and the like an ETag is not an MD5."""
    level: Level
    listing_order: str = UNKNOWN
    """The order in which keys are listed: s3/listing.py."""


class Observations(msgspec.Struct):
    """What a probe has seen. codes: attempt -> code of the error, "" for a success."""

    codes: dict[str, str]
    unchanged: dict[str, bool]
    """Attempt -> whether it left the object unchanged."""
    winners: int
    """Writers of the race that succeeded."""
    versioning: str = ""
    encryption: str = ""
    listing_order: str = UNKNOWN
    is_clean: bool = True
    """The probe has deleted everything that it wrote."""


def evaluate(endpoint: str, bucket: str, seen: Observations, now: float) -> Capabilities:
    """The capabilities that the observations prove. Pure.

    A condition counts only if its failure had an error code (412, or 409 for a race) and the object
    was left unchanged.
    """

    def works(attempt: str) -> bool:
        return seen.codes.get(attempt) in _CONDITION_CODES and seen.unchanged.get(attempt, True)

    put_if_absent = works("put_if_absent") and seen.winners == 1
    put_if_match = works("put_if_match")
    swaps = put_if_absent and put_if_match
    level = Level.A if swaps else Level.B if seen.versioning == "Enabled" else Level.C
    names = [*PROBED_CHECKSUMS, "MD5"]
    return Capabilities(
        endpoint=endpoint,
        bucket=bucket,
        probed=now,
        put_if_absent=put_if_absent,
        put_if_match=put_if_match,
        if_match_on_absent=seen.codes.get("if_match_on_absent", ""),
        delete_if_match=works("delete_if_match"),
        complete_if_absent=works("complete_if_absent"),
        complete_if_match=works("complete_if_match"),
        copy_if_absent=works("copy_if_absent"),
        checksums=tuple(
            name for name in names if seen.codes.get(f"checksum_{name}") in _DIGEST_CODES
        ),
        versioning=seen.versioning,
        encryption=seen.encryption,
        level=level,
        listing_order=seen.listing_order,
    )


PROBED_CHECKSUMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
"""The checksums that clients use and servers have; the probe asks for no others."""

_CONDITION_CODES = frozenset(
    ("PreconditionFailed", "ConditionalRequestConflict", "OperationAborted")
)
_DIGEST_CODES = frozenset(
    ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")
)


class RemoteQuirks(msgspec.Struct):
    """What is known of the remote as a whole. The layers that learn it share one. Belongs to the
    loop."""

    refused: set[OptionalGroup] = msgspec.field(default_factory=set)
    """Optional headers that the remote refuses, and that are not sent any more."""
    listing_order: str = UNKNOWN
    """OTHER once a listing was not in the order of the keys."""
    keeps_empty_segments: bool | None = None
    """Whether `x//y` and `x/y` are different keys at the remote; None: unknown."""

    def take_over(self, earlier: RemoteQuirks) -> None:
        """Add the quirks of an earlier run; those of this one take precedence."""
        self.refused |= earlier.refused
        self.listing_order = self.listing_order or earlier.listing_order
        if self.keeps_empty_segments is None:
            self.keeps_empty_segments = earlier.keeps_empty_segments

    @property
    def limitations(self) -> list[str]:
        """What the remote does not support, for the status."""
        limitations = sorted(str(group) for group in self.refused)
        if self.listing_order == OTHER:
            limitations.append("listing_order")
        if self.keeps_empty_segments is False:
            limitations.append("empty_segments")
        return limitations
