import pytest

from s3d.agent.s3.messages import S3Request, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.refused_headers import OptionalGroup, blames, group_of, may_blame, without

SUMS, MODE = OptionalGroup.CHECKSUMS, OptionalGroup.CHECKSUM_MODE

B2 = "Unsupported header 'x-amz-checksum-crc32' received for this API call."
B2_SDK = "Unsupported header 'x-amz-sdk-checksum-algorithm' received for this API call."
R2 = "Header 'x-amz-checksum-crc32' with value 'AAAAAA==' not implemented"
R2_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER not implemented"
GCS = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, or a valid sha256 value."


@pytest.mark.finding("F4")
@pytest.mark.parametrize(
    ("code", "status", "message", "group"),
    [
        ("InvalidArgument", 400, B2, SUMS),
        ("InvalidArgument", 400, B2_SDK, SUMS),
        ("NotImplemented", 501, R2, SUMS),
        ("NotImplemented", 501, R2_TRAILER, SUMS),
        ("InvalidArgument", 400, GCS, SUMS),
        ("InvalidRequest", 400, B2, SUMS),
        ("InvalidArgument", 400, "Unsupported header 'x-amz-checksum-mode'", MODE),
    ],
)
def test_what_providers_say_of_a_header_is_understood(code, status, message, group):
    assert blames(group, status, code, message)
    assert may_blame(group, status, code, message)
    other = SUMS if group is MODE else MODE
    assert not blames(other, status, code, message)


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("InvalidRequest", 400, "Value for x-amz-checksum-crc32 header is invalid."),
        ("BadDigest", 400, "The CRC32 you specified did not match: x-amz-checksum-crc32"),
        ("AccessDenied", 403, B2),
        ("InvalidRequest", 400, "Checksum algorithm provided is unsupported."),
        ("NoSuchKey", 404, ""),
        ("InternalError", 500, B2),
    ],
)
def test_a_checksum_that_is_wrong_is_not_one_that_is_not_taken(code, status, message):
    assert not may_blame(SUMS, status, code, message)


@pytest.mark.parametrize(("code", "status"), [("NotImplemented", 501), ("InvalidArgument", 400),
                                              ("", 400)])  # fmt: skip
def test_a_refusal_without_words_may_be_about_a_header(code, status):
    assert may_blame(SUMS, status, code, "")
    assert not blames(SUMS, status, code, "")


def test_members_go_and_the_rest_stays():
    part = {"PartNumber": 1, "ETag": '"e"', "ChecksumCRC32": "AAAAAA=="}
    members = {"Bucket": "b", "Key": "k", "ChecksumType": "FULL_OBJECT", "ChecksumCRC32": "A",
               "MultipartUpload": {"Parts": [part]}}  # fmt: skip
    request = S3Request(operations()["CompleteMultipartUpload"], members)
    assert group_of(request) is SUMS
    bare = without(request, SUMS)
    assert bare.input == {
        "Bucket": "b", "Key": "k", "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"e"'}]}
    }  # fmt: skip
    assert group_of(bare) is None
    assert "ChecksumCRC32" in part


def test_a_verbatim_request_stays_verbatim():
    headers = (("x-amz-checksum-crc32", "A"), ("x-amz-meta-a", "b"), ("x-amz-trailer", "t"),
               ("x-amz-sdk-checksum-algorithm", "CRC32"))  # fmt: skip
    query = "X-Amz-Signature=1&x-amz-checksum-crc32=A&partNumber=1"
    wire = WireRequest("PUT", "/b/k", query, headers)
    members = {"Bucket": "b", "ChecksumAlgorithm": "CRC32"}
    request = S3Request(operations()["PutObject"], members, None, wire)
    assert group_of(request) is SUMS
    bare = without(request, SUMS)
    assert bare.wire == WireRequest(
        "PUT", "/b/k", "X-Amz-Signature=1&partNumber=1", (("x-amz-meta-a", "b"),)
    )
    assert (bare.input, group_of(bare)) == ({"Bucket": "b"}, None)


@pytest.mark.parametrize(
    ("name", "members", "group"),
    [
        ("GetObject", {"ChecksumMode": "ENABLED"}, MODE),
        ("HeadObject", {}, None),
        ("PutObject", {"ChecksumSHA256": "x"}, SUMS),
        ("PutObject", {"ContentMD5": "x"}, None),
        ("CreateMultipartUpload", {"ChecksumAlgorithm": "CRC32"}, SUMS),
    ],
)
def test_a_group_is_found(name, members, group):
    request = S3Request(operations()[name], {"Bucket": "b", "Key": "k", **members})
    assert group_of(request) is group
