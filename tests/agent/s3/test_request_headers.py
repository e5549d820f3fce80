"""Headers that nobody reads: the request must not be carried out as if it had none."""

from __future__ import annotations

import pytest

from s3d.agent.s3.model import operations
from s3d.agent.s3.request_headers import WITHOUT_PROMISE, has_unknown, opaque, understood


@pytest.mark.finding("F14")
@pytest.mark.parametrize("name", ["x-amz-checksum-md6", "x-amz-frobnicate", "x-amz-"])
def test_a_header_that_no_operation_has_is_unknown(name: str) -> None:
    assert has_unknown({"host", name})


@pytest.mark.parametrize(
    "name",
    [
        *WITHOUT_PROMISE,
        "x-amz-acl",
        "x-amz-checksum-xxhash128",
        "x-amz-meta-anything",
        "x-amzn-trace-id",
        "content-md5",
        "amz-sdk-invocation-id",
    ],
)
def test_what_is_read_or_asks_for_nothing_is_known(name: str) -> None:
    assert not has_unknown({name})
    assert not has_unknown({name})


def test_every_header_without_a_promise_names_its_source() -> None:
    for name, source in WITHOUT_PROMISE.items():
        assert name == name.lower()
        assert name in understood()
        assert source.startswith("https://")


def test_the_body_of_an_opaque_request_travels_as_before() -> None:
    op = opaque(operations()["PutObject"])
    assert (op.name, op.method, op.streaming_input, op.access) == ("", "PUT", True, "admin")
    assert opaque(operations()["GetObject"]).streaming_output
