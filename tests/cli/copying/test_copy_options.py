import pytest

from s3d.cli.copying.copy_options import HEADERS, http_date, new_object, planned_text
from s3d.shared.errors import UsageError
from s3d.shared.transfer_options import NewObject, PlannedTransfer


def values(**given):
    texts = dict.fromkeys([name.replace("-", "_") for name in HEADERS], "")
    texts |= dict.fromkeys(("content_type", "storage_class", "acl", "sse", "sse_kms_key_id"), "")
    flags = {"no_guess_mime_type": False, "metadata_directive": None}
    return {**texts, **flags, "metadata": (), "tags": (), **given}


def test_without_options_nothing_is_set():
    assert new_object(values()).is_empty


def test_metadata_and_headers_are_those_of_the_new_object():
    found = new_object(values(metadata=("A=1,b=2",), cache_control="no-store"))
    assert found == NewObject(metadata={"a": "1", "b": "2"}, headers={"cache-control": "no-store"})


def test_a_directive_decides_about_the_metadata_of_a_copy():
    assert new_object(values(metadata_directive="COPY")).metadata is None
    assert new_object(values(metadata_directive="REPLACE")).metadata == {}
    with pytest.raises(UsageError, match="exclude each other"):
        new_object(values(metadata_directive="COPY", metadata=("a=1",)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("2030-01-31", "Thu, 31 Jan 2030 00:00:00 GMT"),
        ("2030-01-31T12:00:00+02:00", "Thu, 31 Jan 2030 10:00:00 GMT"),
        ("Thu, 31 Jan 2030 12:00:00 GMT", "Thu, 31 Jan 2030 12:00:00 GMT"),
    ],
)
def test_expires_is_sent_as_an_http_date(text, expected):
    assert http_date(text) == expected


@pytest.mark.parametrize("text", ["soon", "2030", "0001-01-01T00:00:00+12:00"])
def test_what_is_no_time_is_no_expires(text):
    with pytest.raises(UsageError, match="no time"):
        http_date(text)


def test_a_key_of_kms_needs_the_encryption_with_kms():
    found = new_object(values(sse="aws:kms", sse_kms_key_id="k", acl="private"))
    assert found.protection == {
        "x-amz-acl": "private",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "k",
    }
    with pytest.raises(UsageError, match="--sse aws:kms"):
        new_object(values(sse_kms_key_id="k"))


def test_a_plan_is_shown_in_words():
    assert planned_text(PlannedTransfer("upload", "/a", "s3://b/k", 1)) == "upload /a to s3://b/k"
    extra = PlannedTransfer("delete", "", "s3://b/k", 1, "extra")
    assert planned_text(extra) == "delete s3://b/k (extra)"
    failed = PlannedTransfer("failed", "/a", reason="a symbolic link", code="NotTransferable")
    assert planned_text(failed) == "fail: /a: a symbolic link"
