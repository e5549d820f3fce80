import json

import msgspec
import pytest

from s3d.shared.control import (
    AdminStatus,
    AgentStatus,
    Event,
    Hello,
    ObjectInfo,
    TagChanges,
    decode,
    encode,
    encode_ascii,
)


def test_a_field_that_is_new_to_us_is_ignored():
    data = b'{"agent":"9","api":{"major":1,"minor":7},"boot":"b","pid":1,"endpoint":"e","later":1}'
    assert decode(data, Hello).api.minor == 7


def test_a_field_that_is_missing_has_its_default():
    data = (
        b'{"version":"1","pid":1,"started":0,"endpoint":"","socket":"","auth":"","ephemeral":false}'
    )
    status = decode(data, AgentStatus)
    assert (status.store, status.warnings, status.metrics) == (None, [], {})


def test_a_request_with_an_unknown_field_is_refused():
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"set":{},"remote":"http://evil"}', TagChanges)


def test_a_value_survives_the_way():
    event = Event(1, "b", 2.5, "kind", "ä\n", {"text": "x", "number": 1, "flag": True, "no": None})
    assert decode(encode(event), Event) == event


def test_the_headers_of_an_object_are_those_that_it_has():
    info = ObjectInfo("b", "k", 5, '"e"', 1769860800.7, headers={"cache-control": "no-store"})
    assert info.http_headers == {
        "cache-control": "no-store",
        "content-length": "5",
        "etag": '"e"',
        "last-modified": "Sat, 31 Jan 2026 12:00:00 GMT",
        "x-amz-storage-class": "STANDARD",
    }


def test_a_header_is_printable_ascii():
    info = ObjectInfo("b", "ä\r\n\U0001f600", 1, '"e"', 0.0)
    text = encode_ascii(info)
    assert text.isascii()
    assert text.isprintable()
    assert decode(text, ObjectInfo) == info
    assert json.loads(text)["key"] == info.key


def test_people_see_where_the_metrics_and_their_token_are():
    assert AdminStatus("http://127.0.0.1:1").metrics == "http://127.0.0.1:1/metrics"
    chosen = AdminStatus("http://127.0.0.1:1", needs_token=True)
    assert chosen.metrics == "http://127.0.0.1:1/metrics (token: S3D_ADMIN_TOKEN)"
    exposed = AdminStatus("http://127.0.0.1:1", "/state/admin-token", needs_token=True)
    assert exposed.metrics == "http://127.0.0.1:1/metrics (token: /state/admin-token)"
