"""The format of AWS's server access logs, field by field."""

import re

import pytest

from s3d.agent.s3.access_log_record import (
    AccessRecord,
    authentication,
    format_record,
    operation_name,
)
from s3d.agent.s3.model import operations

FIELD = re.compile(r'"[^"]*"|\[[^\]]*\]|\S+')
"""A field, as the documentation of Athena splits the records."""

PUT = AccessRecord(
    time=1549411317.9,
    operation="REST.PUT.OBJECT",
    request_id="DD6CC733AEXAMPLE",
    bucket_owner="79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
    bucket="amzn-s3-demo-bucket1",
    remote_ip="192.0.2.3",
    requester="79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
    key="s3-dg.pdf",
    request_line="PUT /amzn-s3-demo-bucket1/s3-dg.pdf HTTP/1.1",
    status=200,
    object_size=4406583,
    total_time=41.754,
    turn_around_time=0.028,
    user_agent="S3Console/0.4",
    host_id="10S62Zv81kBW7BB6SX4XJ48o6kpcl6LPwEoizZQQxJd5qDSCTLX0TgS37kYUBKQW3+bPdrg1234=",
    signature_version="SigV4",
    cipher_suite="ECDHE-RSA-AES128-SHA",
    authentication_type="AuthHeader",
    host_header="amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com",
    tls_version="TLSV1.2",
    acl_required="Yes",
    source_region="us-east-1",
)


def test_a_record_of_the_documentation():
    """The fifth example of https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html"""
    assert format_record(PUT) == (
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be amzn-s3-demo-bucket1 "
        "[06/Feb/2019:00:01:57 +0000] 192.0.2.3 "
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be DD6CC733AEXAMPLE "
        'REST.PUT.OBJECT s3-dg.pdf "PUT /amzn-s3-demo-bucket1/s3-dg.pdf HTTP/1.1" 200 - - 4406583 '
        '41754 28 "-" "S3Console/0.4" - '
        "10S62Zv81kBW7BB6SX4XJ48o6kpcl6LPwEoizZQQxJd5qDSCTLX0TgS37kYUBKQW3+bPdrg1234= SigV4 "
        "ECDHE-RSA-AES128-SHA AuthHeader amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com TLSV1.2 "
        "- Yes us-east-1"
    )


def test_a_record_of_a_part_of_a_request_has_dashes_without_quotes():
    """As in AWS's own records of BATCH.DELETE.OBJECT; there the key is encoded once."""
    record = AccessRecord(
        time=0.0, operation="BATCH.DELETE.OBJECT", request_id="D6", key="a b/%", status=204
    )
    assert format_record(record) == (
        "- - [01/Jan/1970:00:00:00 +0000] - - D6 BATCH.DELETE.OBJECT a%20b/%25 - 204" + " -" * 17
    )


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("photos/2019/08/puppy.jpg", "photos/2019/08/puppy.jpg"),
        ("foo-%Y", "foo-%2525Y"),
        ("a b+c", "a%2520b%252Bc"),
        ("ü", "%25C3%25BC"),
        ('"\n\x1b[2J', "%2522%250A%251B%255B2J"),
        ("", "-"),
    ],
)
def test_a_key_is_encoded_twice(key, shown):
    assert FIELD.findall(format_record(PUT._replace(key=key)))[7] == shown


@pytest.mark.parametrize(
    "text",
    [
        'GET /b/" 200 - "x HTTP/1.1',
        "GET /b/k\r\n79a59 forged record HTTP/1.1",
        "GET /b/\x1b]0;title\x07 HTTP/1.1",
        "GET /b/\\",
        "GET /b/\udcff\x00\x7f\x9b\u202e",
    ],
)
def test_no_client_breaks_a_line_or_ends_a_field(text):
    hostile = PUT._replace(
        request_line=text, referer=text, user_agent=text, host_header=text, bucket=text,
        version_id=text, error_code=text,
    )  # fmt: skip
    line = format_record(hostile)
    assert line.isascii()
    assert line.isprintable()
    assert len(FIELD.findall(line)) == 27
    assert FIELD.findall(line)[9] == "200"


@pytest.mark.parametrize(
    "word",
    [
        "X-Amz-Signature=SECRET",
        "x-amz-signature=SECRET",
        "X-Amz-Signatur%65=SECRET",
        "%58-Amz-Security-Token=SECRET",
        "Signature=SECRET",
        "x-amz-server-side-encryption-customer-key=SECRET",
    ],
)
def test_what_signs_a_url_is_masked(word):
    url = f"/b/k?versionId=1&{word}&x-user=johndoe"
    line = format_record(PUT._replace(request_line=f"GET {url} HTTP/1.1", referer=url))
    assert "SECRET" not in line
    assert 'x-user=johndoe HTTP/1.1" 200' in line
    assert "versionId=1&" in line


@pytest.mark.parametrize("operation", ["REST.GET.OBJECT", "BATCH.DELETE.OBJECT"])
def test_what_signs_a_url_is_masked_in_a_key(operation):
    """A client that encodes the question mark of a presigned URL sends the signature in the key."""
    line = format_record(
        PUT._replace(operation=operation, key="k?versionId=1&X-Amz-Signature=SECRET&x=y")
    )
    assert "SECRET" not in line
    assert "versionId" in line


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("GetObject", "REST.GET.OBJECT"),
        ("HeadObject", "REST.HEAD.OBJECT"),
        ("PutObject", "REST.PUT.OBJECT"),
        ("DeleteObject", "REST.DELETE.OBJECT"),
        ("DeleteObjects", "REST.POST.MULTI_OBJECT_DELETE"),
        ("CopyObject", "REST.COPY.OBJECT"),
        ("UploadPart", "REST.PUT.PART"),
        ("UploadPartCopy", "REST.COPY.PART"),
        ("CreateMultipartUpload", "REST.POST.UPLOADS"),
        ("CompleteMultipartUpload", "REST.POST.UPLOAD"),
        ("AbortMultipartUpload", "REST.DELETE.UPLOAD"),
        ("ListParts", "REST.GET.UPLOAD"),
        ("ListMultipartUploads", "REST.GET.UPLOADS"),
        ("ListObjects", "REST.GET.BUCKET"),
        ("ListObjectsV2", "REST.GET.BUCKET"),
        ("ListObjectVersions", "REST.GET.BUCKETVERSIONS"),
        ("ListBuckets", "REST.GET.SERVICE"),
        ("CreateBucket", "REST.PUT.BUCKET"),
        ("GetBucketPolicy", "REST.GET.BUCKETPOLICY"),
        ("GetBucketLogging", "REST.GET.LOGGING_STATUS"),
        ("GetBucketVersioning", "REST.GET.VERSIONING"),
        ("GetBucketTagging", "REST.GET.TAGGING"),
        ("GetObjectTagging", "REST.GET.OBJECT_TAGGING"),
        ("PutObjectAcl", "REST.PUT.ACL"),
        ("GetPublicAccessBlock", "REST.GET.PUBLIC_ACCESS_BLOCK"),
        ("GetObjectLockConfiguration", "REST.GET.OBJECT_LOCK_CONFIGURATION"),
        ("GetBucketRequestPayment", "REST.GET.REQUEST_PAYMENT"),
        ("GetBucketPolicyStatus", "REST.GET.POLICY_STATUS"),
        ("GetObjectAttributes", "REST.GET.OBJECT_ATTRIBUTES"),
    ],
)
def test_operations_have_the_names_of_aws(operation, name):
    """As they appear in published logs of AWS."""
    op = operations()[operation]
    assert operation_name(op, op.method) == name


def test_every_operation_has_a_name():
    names = {operation_name(op, op.method) for op in operations().values()}
    assert all(re.fullmatch(r"REST\.[A-Z]+\.[A-Z_]+", name) for name in names)


@pytest.mark.parametrize(
    ("headers", "query", "kind"),
    [
        ({"authorization": "AWS4-HMAC-SHA256 ..."}, {}, ("SigV4", "AuthHeader")),
        ({"authorization": "AWS AKID:x"}, {}, ("SigV2", "AuthHeader")),
        ({}, {"X-Amz-Algorithm": "AWS4-HMAC-SHA256"}, ("SigV4", "QueryString")),
        ({}, {"Signature": "x", "Expires": "1"}, ("SigV2", "QueryString")),
        ({}, {}, ("", "")),
    ],
)
def test_how_a_request_is_signed(headers, query, kind):
    assert authentication(headers, query) == kind
