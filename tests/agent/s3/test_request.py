"""serialize_input against botocore's own serialiser, and against our reading of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3d.agent.s3 import model_overrides
from s3d.agent.s3.request import is_header_only, serialize_document, serialize_input
from s3d.agent.s3.scalars import http_time
from tests.agent.s3 import members

HEADER_ONLY = sorted(
    name
    for name in members.oracle().operations
    if is_header_only(name) and name not in model_overrides.OFF_THE_TABLE
)
MODEL = ServiceModel(Loader().load_service_model("s3", "service-2"), "s3")
SERIALIZER = create_serializer("rest-xml", include_validation=False)


def test_reads_writes_deletes_and_parts_are_header_only() -> None:
    needed = {"GetObject", "HeadObject", "PutObject", "DeleteObject", "UploadPart"}
    assert needed <= set(HEADER_ONLY)
    assert "CompleteMultipartUpload" not in HEADER_ONLY
    assert "PutBucketPolicy" not in HEADER_ONLY


@pytest.mark.parametrize("name", HEADER_ONLY)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_botocore_says_the_same(name: str, data: st.DataObject) -> None:
    given = data.draw(members.inputs(name))
    theirs: dict[str, Any] = SERIALIZER.serialize_to_request(given, MODEL.operation_model(name))
    query, headers = serialize_input(name, given)
    url_query = theirs["url_path"].partition("?")[2]
    static = parse_qsl(url_query, keep_blank_values=True)
    wanted = {k: v for k, v in theirs["query_string"].items() if v != ""}
    assert dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)) == {
        **dict(static),
        **{k: _text(v) for k, v in wanted.items()},
    }
    assert {k: v.replace(".000Z", "Z") for k, v in headers} == {
        k.lower(): _text(v) for k, v in theirs["headers"].items() if v not in ("", None)
    }


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return http_time(value)
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def test_absent_empty_and_foreign_members_are_left_out() -> None:
    given = {"Bucket": "b", "Key": "k", "Range": None, "IfMatch": "", "Nonsense": "x"}
    assert serialize_input("GetObject", given) == ("", [])


def test_a_time_may_be_the_text_that_a_client_wrote() -> None:
    assert serialize_input("PutObject", {"Expires": "soon"}) == ("", [("expires", "soon")])


@pytest.mark.parametrize("value", ["a\r\nx-amz-acl: public-read", "a\nb", "a\0b"])
def test_a_value_cannot_smuggle_a_header_in(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        serialize_input("PutObject", {"Metadata": {"k": value}})
    with pytest.raises(ValueError, match="line break"):
        serialize_input("PutObject", {"ContentType": value})


WITH_DOCUMENT = sorted(
    name
    for name in members.oracle().operations
    if not is_header_only(name) and name not in ("SelectObjectContent", "PutBucketNotification")
)
"""Without the first, whose document is not one member, and the second, which is deprecated, and has
two members with one tag."""


@pytest.mark.parametrize("name", WITH_DOCUMENT)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_document_is_that_of_botocore(name: str, data: st.DataObject) -> None:
    given = data.draw(members.inputs(name))
    theirs = SERIALIZER.serialize_to_request(given, MODEL.operation_model(name))["body"]
    ours = serialize_document(name, given)
    if name == "PutBucketPolicy":
        assert ours.decode() == theirs.decode()
    elif given.get(MODEL.operation_model(name).input_shape.serialization["payload"]):
        assert _tree(ElementTree.fromstring(ours)) == _tree(ElementTree.fromstring(theirs))


def _tree(element: ElementTree.Element) -> Any:
    """Tag, attributes, text and children; the order of different tags means nothing."""
    children = sorted(element, key=lambda child: child.tag)
    text = (element.text or "").replace(".000Z", "Z")
    return element.tag, element.attrib, text, [_tree(each) for each in children]


def test_an_operation_without_its_document_has_none() -> None:
    assert serialize_document("CreateBucket", {"Bucket": "b"}) == b""
    assert serialize_document("GetObject", {"Bucket": "b", "Key": "k"}) == b""


@pytest.mark.parametrize("key", ["a\x01", "a\x00", "a\ufffe", "a\ud800"])
def test_a_key_that_no_document_can_name_is_refused(key: str) -> None:
    """With another character in its place, it would name another object."""
    with pytest.raises(ValueError, match="cannot express"):
        serialize_document("DeleteObjects", {"Delete": {"Objects": [{"Key": key}]}})


@pytest.mark.parametrize("value", ["nonsense", {"TagSet": 1}, {"TagSet": ["x"]}, {"TagSet": [1]}])
def test_a_value_of_another_shape_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="shape"):
        serialize_document("PutBucketTagging", {"Tagging": value})


def test_a_document_of_several_members_is_none_of_ours() -> None:
    with pytest.raises(ValueError, match="one member"):
        serialize_document("SelectObjectContent", {"Expression": "x"})
