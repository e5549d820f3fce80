import base64
import hashlib
import zlib

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.part_sizes import MIN_PART
from s3d.agent.storage.records import Checksum, Extent, PartRecord, UploadRecord
from s3d.agent.stores.local.complete import (
    assemble,
    check_size,
    checksum_of_object,
    checksum_of_upload,
    choose,
    wanted_parts,
)

UPLOAD = UploadRecord("u", "k", 0.0)


def part(number, size=MIN_PART, data=b"x", checksum=None):
    etag = f'"{hashlib.md5(data).hexdigest()}"'
    return PartRecord(number, size, etag, 0.0, (Extent(number, 0, size),), checksum)


def listed(*parts, **members):
    return [{"PartNumber": one.number, "ETag": one.etag, **members} for one in parts]


def code(function, *arguments):
    with pytest.raises(S3Error) as refused:
        function(*arguments)
    return refused.value.code


@pytest.mark.parametrize(
    ("input", "expected"),
    [
        ({}, ("", "")),
        ({"ChecksumAlgorithm": "CRC32"}, ("CRC32", "COMPOSITE")),
        ({"ChecksumAlgorithm": "sha256"}, ("SHA256", "COMPOSITE")),
        ({"ChecksumAlgorithm": "CRC64NVME"}, ("CRC64NVME", "FULL_OBJECT")),
        ({"ChecksumAlgorithm": "CRC32C", "ChecksumType": "FULL_OBJECT"}, ("CRC32C", "FULL_OBJECT")),
    ],
)
def test_the_checksum_of_an_upload(input, expected):
    assert checksum_of_upload(input) == expected


@pytest.mark.parametrize(
    "input",
    [
        {"ChecksumAlgorithm": "MD4"},
        {"ChecksumType": "COMPOSITE"},
        {"ChecksumAlgorithm": "SHA1", "ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE"},
        {"ChecksumAlgorithm": "CRC32", "ChecksumType": "HALF"},
    ],
)
def test_a_checksum_that_no_upload_can_have(input):
    assert code(checksum_of_upload, input) == "InvalidRequest"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], "MalformedXML"),
        ([{"PartNumber": 1}], "MalformedXML"),
        ([{"ETag": "e"}], "MalformedXML"),
        ([{"PartNumber": 2, "ETag": "e"}, {"PartNumber": 1, "ETag": "e"}], "InvalidPartOrder"),
    ],
)
def test_a_list_that_is_none(parts, expected):
    assert code(wanted_parts, {"MultipartUpload": {"Parts": parts}}) == expected


def test_of_a_repeated_number_the_last_one_counts():
    """Clients list a part twice that they have sent twice at the same time."""
    parts = [{"PartNumber": 1, "ETag": "a"}, {"PartNumber": 1, "ETag": "b"}]
    assert wanted_parts({"MultipartUpload": {"Parts": parts}}) == parts[1:]


def test_no_list_at_all_is_malformed():
    assert code(wanted_parts, {}) == "MalformedXML"


def test_parts_are_chosen_by_number_and_etag_with_or_without_quotes():
    parts = [part(1, data=b"a"), part(3, data=b"b"), part(7, data=b"c")]
    wanted = listed(parts[0], parts[2])
    wanted[0]["ETag"] = wanted[0]["ETag"].strip('"')
    assert choose(parts, wanted, UPLOAD) == [parts[0], parts[2]]


def test_a_part_that_is_not_what_is_listed():
    parts = [part(1, checksum=Checksum("CRC32", "AAAAAA=="))]
    assert code(choose, parts, listed(part(2)), UPLOAD) == "InvalidPart"
    assert code(choose, parts, listed(part(1, data=b"other")), UPLOAD) == "InvalidPart"
    assert code(choose, parts, listed(part(1), ChecksumCRC32="AAAAAQ=="), UPLOAD) == "InvalidPart"
    assert code(choose, parts, listed(part(1), ChecksumSHA1="x"), UPLOAD) == "InvalidPart"
    assert choose(parts, listed(part(1), ChecksumCRC32="AAAAAA=="), UPLOAD) == parts


def test_only_the_last_part_may_be_small():
    assert choose([part(1), part(2, 1)], listed(part(1), part(2)), UPLOAD)
    small = [part(1), part(2, MIN_PART - 1), part(3)]
    with pytest.raises(S3Error) as refused:
        choose(small, listed(*small), UPLOAD)
    assert refused.value.code == "EntityTooSmall"
    assert refused.value.detail["PartNumber"] == 2


def test_the_promised_size_is_that_of_the_parts():
    check_size([part(1), part(2, 1)], {"MpuObjectSize": MIN_PART + 1})
    assert code(check_size, [part(1)], {"MpuObjectSize": 1}) == "InvalidRequest"


def crc(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4)).decode()


DATA = [b"a" * MIN_PART, b"the end"]
CHECKED = [
    part(at, len(data), data, Checksum("CRC32", crc(data))) for at, data in enumerate(DATA, 1)
]


def upload(kind):
    return UploadRecord("u", "k", 0.0, checksum_algorithm="CRC32", checksum_kind=kind)


def test_a_composite_checksum_is_that_of_the_checksums():
    digests = b"".join(base64.b64decode(crc(data)) for data in DATA)
    expected = f"{crc(digests)}-2"
    for promised in ({}, {"ChecksumCRC32": expected}, {"ChecksumCRC32": crc(digests)}):
        found = checksum_of_object(upload("COMPOSITE"), CHECKED, promised)
        assert found == Checksum("CRC32", expected, "COMPOSITE")


def test_a_full_checksum_is_that_of_all_the_bytes():
    found = checksum_of_object(upload("FULL_OBJECT"), CHECKED, {"ChecksumType": "FULL_OBJECT"})
    assert found == Checksum("CRC32", crc(b"".join(DATA)), "FULL_OBJECT")


def test_a_checksum_of_other_bytes_is_refused():
    promised = {"ChecksumCRC32": "AAAAAA=="}
    assert code(checksum_of_object, upload("FULL_OBJECT"), CHECKED, promised) == "BadDigest"
    other = {"ChecksumType": "COMPOSITE"}
    assert code(checksum_of_object, upload("FULL_OBJECT"), CHECKED, other) == "InvalidRequest"


def test_the_object_is_the_extents_of_its_parts():
    record, layout = assemble(upload("COMPOSITE"), CHECKED, None)
    md5s = b"".join(hashlib.md5(data).digest() for data in DATA)
    assert record.etag == f'"{hashlib.md5(md5s).hexdigest()}-2"'
    assert (record.key, record.size, record.upload_id) == ("k", MIN_PART + 7, "u")
    assert layout.extents == (Extent(1, 0, MIN_PART), Extent(2, 0, 7))
    assert [(size.number, size.size) for size in layout.parts] == [(1, MIN_PART), (2, 7)]
    assert layout.parts[1].checksum == crc(DATA[1])
