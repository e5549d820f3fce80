from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.storage.records import (
    Checksum,
    Description,
    Extent,
    ObjectRecord,
    cut,
    decode_bucket,
    decode_object,
    decode_row,
    decode_upload,
    encode,
    seq_of,
    version_id_of,
)


@given(st.integers(0, 2**63 - 1))
def test_a_version_id_tells_its_seq(seq):
    assert seq_of(version_id_of(seq)) == seq


def test_what_was_never_a_version_id_has_no_seq():
    for text in (
        "",
        "null",
        "x",
        "+1",
        "00_1",
        "0x00000000000001",
        "F" * 16,
        "0" * 17,
        "f" * 16,
        "8" + "0" * 15,
    ):
        assert seq_of(text) is None


def test_version_ids_sort_by_age():
    assert version_id_of(9) < version_id_of(10) < version_id_of(2**62)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
def test_cut_gives_the_very_bytes(sizes, data):
    blobs = [bytes(range(at * 10, at * 10 + size + 1)) for at, size in enumerate(sizes)]
    extents = [Extent(at, 1, size) for at, size in enumerate(sizes)]
    whole = b"".join(blob[1:] for blob in blobs)
    start = data.draw(st.integers(0, len(whole)))
    size = data.draw(st.integers(0, len(whole) - start))
    pieces = cut(extents, start, size)
    read = b"".join(blobs[e.blob][e.offset : e.offset + e.size] for e in pieces)
    assert read == whole[start : start + size]
    assert all(extent.size > 0 for extent in pieces)


def test_a_row_is_the_beginning_of_a_record():
    record = ObjectRecord(
        key="k",
        seq=7,
        size=3,
        etag='"e"',
        storage_class="GLACIER",
        checksum=Checksum("CRC32", "AAAAAA=="),
        description=Description({"ContentType": "text/plain"}, {"a": "b"}, {"t": ""}),
        upload_id="u",
    )
    row = decode_row(encode(record))
    assert decode_object(encode(record)) == record
    for name in row.__struct_fields__:
        assert getattr(row, name) == getattr(record, name)


def test_records_of_layout_2_belong_to_the_default_owner():
    bucket = decode_bucket(encode(["b", 1.0, "us-east-1", "", False]))
    upload = decode_upload(encode(["id", "k", 1.0, "STANDARD", [], "", ""]))
    record = decode_object(
        encode(["k", 1, "null", 1.0, 3, '"e"', "STANDARD", None, False, [], "upload"])
    )
    assert (bucket.owner, bucket.has_other_owners) == ("", False)
    assert (upload.owner, upload.initiator) == ("", "")
    assert (record.owner, record.upload_id) == ("", "upload")
