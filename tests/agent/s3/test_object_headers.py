"""The table of object headers agrees with botocore's model, and with what filters may test."""

from datetime import UTC, datetime

import pytest

from s3d.agent.s3 import model_overrides
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import Shape, service
from s3d.agent.s3.object_headers import (
    ATTRIBUTES,
    CONTENT,
    DESCRIPTION,
    FILTERABLE,
    NOT_COPIED,
    OPTIONAL,
    TABLE,
    TRANSFERABLE,
    Group,
    Kind,
    ObjectHeader,
    header_text,
    member_value,
    members_of,
)
from s3d.shared.filters import terms as filter_terms

WRITTEN = [row for row in TABLE if row.group is not Group.SERVICE]


def shape_kind(shape: Shape, of: str) -> Kind:
    member = shape.members[of]
    value = service().shapes[member.shape]
    if value.type == "timestamp" or member.shape in model_overrides.VERBATIM:
        is_iso = (member.timestamp_format or value.timestamp_format) == "iso8601"
        return Kind.ISO_DATE if is_iso else Kind.HTTP_DATE
    return {"string": Kind.TEXT, "boolean": Kind.BOOLEAN}[value.type]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.member)
def test_each_row_is_a_header_of_head_object(row: ObjectHeader):
    shape = service().output_of("HeadObject")
    member = shape.members[row.member]
    assert (member.location, (member.location_name or "").lower()) == ("header", row.name)
    assert shape_kind(shape, row.member) is row.kind


@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload", "CopyObject"])
@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.member)
def test_each_row_that_a_writer_sets_is_a_header_of_every_write(row: ObjectHeader, operation: str):
    shape = service().input_of(operation)
    assert (shape.members[row.member].location_name or "").lower() == row.name
    assert shape_kind(shape, row.member) is row.kind


def test_content_headers_are_those_that_a_get_may_override():
    overrides = {
        name.removeprefix("Response")
        for name in service().input_of("GetObject").members
        if name.startswith("Response")
    }
    assert set(CONTENT) == overrides


def test_filters_test_the_same_headers():
    assert {*FILTERABLE.values(), filter_terms.SIZE} == filter_terms.HEADERS


def test_the_lists_of_members():
    assert members_of(Group.REDIRECT) == ("WebsiteRedirectLocation",)
    assert set(DESCRIPTION) == {r.member for r in WRITTEN} - {"StorageClass"}
    assert set(TRANSFERABLE) == {*CONTENT, "WebsiteRedirectLocation", "StorageClass"}
    assert set(NOT_COPIED) == set(DESCRIPTION) - set(CONTENT)
    assert set(OPTIONAL) == {*CONTENT, "WebsiteRedirectLocation"} - {"ContentType"}
    assert set(ATTRIBUTES.values()) == set(OPTIONAL)


def test_a_value_becomes_text_and_text_a_value():
    date, text = datetime(2026, 1, 31, 12, tzinfo=UTC), "Sat, 31 Jan 2026 12:00:00 GMT"
    assert header_text(date) == text
    assert header_text("no date") == "no date"
    assert member_value("Expires", text) == date
    assert member_value("CacheControl", text) == text


def test_an_http_date_that_is_none_is_refused():
    with pytest.raises(S3Error, match="Expires is not an HTTP date: tomorrow") as raised:
        member_value("Expires", "tomorrow")
    assert raised.value.code == "InvalidArgument"
