"""What a pin covers, and that the types cross the socket."""

from __future__ import annotations

import pytest

from s3d.shared.caching import CacheStatus, Pin, PinList, PinStatus
from s3d.shared.control import decode, encode


@pytest.mark.parametrize(
    ("pin", "bucket", "key", "covers"),
    [
        (Pin("b", key="a/1"), "b", "a/1", True),
        (Pin("b", key="a/1"), "b", "a/10", False),
        (Pin("b", key="a/1"), "c", "a/1", False),
        (Pin("b", prefix="a/"), "b", "a/1", True),
        (Pin("b", prefix="a/"), "b", "ab", False),
        (Pin("b"), "b", "anything", True),
        (Pin("b"), "bb", "anything", False),
    ],
)
def test_a_pin_covers_its_key_or_what_begins_so(pin, bucket, key, covers):
    assert pin.covers(bucket, key) is covers


def test_what_crosses_the_socket_comes_out_the_same():
    pins = PinList([PinStatus(Pin("b", prefix="p/"), error="no"), PinStatus(Pin("b", key="k"))])
    assert decode(encode(pins), PinList) == pins
    status = CacheStatus("/cache", 1, 2, 3, 4, 60.0, hits=5)
    assert decode(encode(status), CacheStatus) == status
