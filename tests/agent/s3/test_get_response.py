from datetime import UTC, datetime

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.get_response import (
    CONDITIONS,
    OVERRIDES,
    apply_response_overrides,
    not_modified,
    set_content_range,
)

OUTPUT = {"ETag": '"e"', "LastModified": datetime(2026, 1, 1, tzinfo=UTC), "ContentType": "a/b"}


def test_a_304_has_the_headers_that_rfc_9110_wants():
    found = not_modified({"IfNoneMatch": '"e"'}, OUTPUT, 0.0)
    assert found == {name: OUTPUT[name] for name in ("ETag", "LastModified")}
    assert not_modified({}, OUTPUT, 0.0) is None


def test_a_condition_that_fails_is_an_error():
    with pytest.raises(S3Error) as caught:
        not_modified({"IfMatch": '"x"'}, OUTPUT, 0.0)
    assert caught.value.code == "PreconditionFailed"


def test_the_request_s_headers_stand_in_for_the_object_s():
    output = dict(OUTPUT)
    apply_response_overrides(
        {"ResponseContentType": "c/d", "ResponseCacheControl": "no-store"}, output
    )
    assert (output["ContentType"], output["CacheControl"]) == ("c/d", "no-store")
    assert all(name.startswith("Response") for name in OVERRIDES)


def test_the_whole_has_its_checksums_if_they_are_asked_for():
    sums = {"ChecksumCRC32": "AAAAAA=="}
    output = {}
    assert set_content_range({"ChecksumMode": "ENABLED"}, output, 9, None, sums) is None
    assert output == {"ContentLength": 9, **sums}
    output = {}
    set_content_range({}, output, 9, None, sums)
    assert output == {"ContentLength": 9}


def test_a_range_says_which_and_of_how_many():
    output = {}
    assert (
        set_content_range({"ChecksumMode": "ENABLED"}, output, 9, (2, 3), {"ChecksumCRC32": "A"})
        == 206
    )
    assert output == {"ContentLength": 3, "ContentRange": "bytes 2-4/9"}


def test_these_are_the_conditions():
    assert len(CONDITIONS) == 4
