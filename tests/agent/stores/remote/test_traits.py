import msgspec
import pytest

from s3d.agent.s3.optional_headers import OptionalGroup
from s3d.agent.stores.remote.traits import RemoteTraits

FULL = RemoteTraits({OptionalGroup.CHECKSUMS, OptionalGroup.CHECKSUM_MODE}, "other", False)


def test_limitations_have_names():
    assert FULL.limitations == ["checksum_mode", "checksums", "listing_order", "empty_segments"]
    assert RemoteTraits().limitations == RemoteTraits(keeps_empty_segments=True).limitations == []


@pytest.mark.parametrize("traits", [FULL, RemoteTraits()])
def test_traits_are_read_as_they_are_written(traits):
    assert msgspec.json.decode(msgspec.json.encode(traits), type=RemoteTraits) == traits


def test_what_an_earlier_run_learnt_is_added():
    traits = RemoteTraits({OptionalGroup.CHECKSUMS}, "", True)
    traits.take_over(FULL)
    assert (traits.refused, traits.listing_order) == (FULL.refused, "other")
    assert traits.keeps_empty_segments
    fresh = RemoteTraits()
    fresh.take_over(FULL)
    assert fresh == FULL
