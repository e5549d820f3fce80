"""Which parts of a large file that was changed in places the store can copy from the old version.

All parts have the same size but the last one, as some stores demand
(https://developers.cloudflare.com/r2/objects/upload-objects/). A part of which every byte is
still missing in the staging file is copied; a part with written bytes is sent, and what it lacks is
fetched before.

    old version   |--------|--------|--------|-----|
    written                   xx                   xxx
    parts         | copied |  sent  | copied | sent   |

Pure. https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from s3d.agent.frontends.fuse.byte_ranges import ByteRanges, Range
from s3d.agent.s3.part_sizes import PartPlan, PartSpan, plan_parts

SMALLEST, LARGEST = 8 << 20, 64 << 20
"""Bytes of a part, if that does not give too many of them."""
_FEW = 64
"""Parts that an object has at most, while they are not the largest."""


class PatchPlan(NamedTuple):
    """The parts of the new version."""

    parts: PartPlan
    copied: frozenset[int]
    """The numbers of those that the store copies."""

    def sent(self) -> Sequence[PartSpan]:
        """The other parts."""
        return [part for part in self.parts if part.number not in self.copied]


def plan_patch(size: int, missing: Sequence[Range]) -> PatchPlan:
    """size: bytes of the new version. missing: what the staging file lacks of the old version, in
    order. Raises S3Error EntityTooLarge."""
    part_size = max(SMALLEST, min(-(-size // _FEW), LARGEST))
    parts, lacking = plan_parts(size, part_size), ByteRanges(missing)
    copied = frozenset(part.number for part in parts if lacking.covers(part.start, part.stop))
    return PatchPlan(parts, copied)


def gaps_of_patch(size: int, missing: Sequence[Range]) -> list[Range]:
    """What has to be fetched of the old version before the parts can be sent."""
    plan, lacking = plan_patch(size, missing), ByteRanges(missing)
    gaps = []
    for part in plan.sent():
        at = part.start
        for start, end in [*lacking.gaps(part.start, part.stop), (part.stop, part.stop)]:
            if at < start:
                gaps.append((at, start))
            at = end
    return gaps
