import msgspec
import pytest

from s3d.agent.s3.optional_headers import OptionalGroup
from s3d.agent.stores.remote.remote_quirks import RemoteQuirks

FULL = RemoteQuirks({OptionalGroup.CHECKSUMS, OptionalGroup.CHECKSUM_MODE}, "other", False)


def test_limitations_have_names():
    assert FULL.limitations == ["checksum_mode", "checksums", "listing_order", "empty_segments"]
    assert RemoteQuirks().limitations == RemoteQuirks(keeps_empty_segments=True).limitations == []


@pytest.mark.parametrize("quirks", [FULL, RemoteQuirks()])
def test_quirks_are_read_as_they_are_written(quirks):
    assert msgspec.json.decode(msgspec.json.encode(quirks), type=RemoteQuirks) == quirks


def test_what_an_earlier_run_learnt_is_added():
    quirks = RemoteQuirks({OptionalGroup.CHECKSUMS}, "", True)
    quirks.take_over(FULL)
    assert (quirks.refused, quirks.listing_order) == (FULL.refused, "other")
    assert quirks.keeps_empty_segments
    fresh = RemoteQuirks()
    fresh.take_over(FULL)
    assert fresh == FULL
