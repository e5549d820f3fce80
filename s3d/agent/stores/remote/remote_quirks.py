"""What is known of the remote as a whole: learnt from its answers, kept between starts."""

from __future__ import annotations

import msgspec

from s3d.agent.s3.listing import OTHER, UNKNOWN
from s3d.agent.s3.optional_headers import OptionalGroup


class RemoteQuirks(msgspec.Struct):
    """Shared by the layers that learn and by the one that keeps it. Belongs to the loop."""

    refused: set[OptionalGroup] = msgspec.field(default_factory=set)
    """Optional headers that the remote is not sent any more."""
    listing_order: str = UNKNOWN
    """OTHER once a listing was not in the order of the keys."""
    keeps_empty_segments: bool | None = None
    """Whether `x//y` and `x/y` are two keys there; None: not known."""

    def take_over(self, earlier: RemoteQuirks) -> None:
        """Add what an earlier run has learnt; what this one knows counts more."""
        self.refused |= earlier.refused
        self.listing_order = self.listing_order or earlier.listing_order
        if self.keeps_empty_segments is None:
            self.keeps_empty_segments = earlier.keeps_empty_segments

    @property
    def limitations(self) -> list[str]:
        """What the remote does not do, for the status."""
        found = sorted(str(group) for group in self.refused)
        if self.listing_order == OTHER:
            found.append("listing_order")
        if self.keeps_empty_segments is False:
            found.append("empty_segments")
        return found
