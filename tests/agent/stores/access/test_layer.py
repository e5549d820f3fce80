"""The layer; the rules are in tests/agent/s3/test_access_decision.py and tests/e2e."""

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext, S3Request
from s3d.agent.s3.model import UNKNOWN
from s3d.agent.s3.principal import ANONYMOUS
from tests.agent.stores.access.conftest import ALT, CALLERS, MAIN

K = {"Bucket": "bucket", "Key": "k"}


@pytest.mark.parametrize(
    ("caller", "code"),
    [("main", "ok"), ("narrow", "ok"), ("alt", "AccessDenied"), ("anonymous", "AccessDenied")],
)
async def test_an_object_of_a_private_bucket(store, caller, code):
    assert await store.code(CALLERS[caller], "GetObject", **K) == code
    assert await store.code(CALLERS[caller], "PutObject", body=b"new", **K) == code
    assert await store.code(CALLERS[caller], "ListObjectsV2", Bucket="bucket") == code


async def test_the_agent_itself_may_do_everything(store):
    assert await store.code(None, "DeleteObject", **K) == "ok"
    names = (await store.call(None, "ListBuckets")).output["Buckets"]
    assert [bucket["Name"] for bucket in names] == ["bucket"]


class Unread:
    """A body that must not be read."""

    size = 3

    def __aiter__(self):
        raise AssertionError("the body was read")

    async def aclose(self):
        return None


async def test_a_refusal_comes_before_the_body_is_read(store):
    request = store.request(ALT, "PutObject", **K)
    request.body = Unread()
    with pytest.raises(S3Error, match="AccessDenied"):
        store.layer.call(request)


async def test_an_unknown_operation_is_not_for_everyone(store):
    for caller, code in ((ANONYMOUS, "AccessDenied"), (ALT, "NotImplemented")):
        with pytest.raises(S3Error, match=code):
            await store.layer.call(S3Request(UNKNOWN, K, None, None, RequestContext("", caller)))


async def test_an_early_decision_waits_for_the_document(store):
    """A condition on the tags that a request sets cannot be decided without them."""
    tagging = store.request(ALT, "PutObjectTagging", **K)
    with pytest.raises(S3Error, match="AccessDenied"):
        store.layer.authorize(tagging)
    policy = """{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*",
        "Action": "s3:PutObjectTagging", "Resource": "arn:aws:s3:::bucket/*",
        "Condition": {"StringEquals": {"s3:RequestObjectTag/a": "b"}}}}"""
    await store.call(MAIN, "PutBucketPolicy", Bucket="bucket", Policy=policy)
    store.layer.authorize(tagging)
    assert await store.code(ALT, "PutObjectTagging", Tagging={"TagSet": []}, **K) == "AccessDenied"
    with pytest.raises(S3Error, match="AccessDenied"):
        store.layer.authorize(store.request(ALT, "PutBucketPolicy", Bucket="bucket"))
    store.layer.authorize(store.request(MAIN, "PutBucketPolicy", Bucket="bucket"))


@pytest.mark.parametrize(
    ("acl", "policy", "code"),
    [
        ("private", "", "AccessDenied"),
        ("public-read", "", "AccessDenied"),
        ("public-read-write", "", "ok"),
        ("private", "s3:DeleteObject", "ok"),
    ],
)
async def test_deletions_of_nobody_are_refused_as_a_whole_unless_something_is_granted(
    store, acl, policy, code
):
    await store.call(MAIN, "PutBucketAcl", ACL=acl, Bucket="bucket")
    if policy:
        statement = f"""{{"Effect": "Allow", "Principal": "*", "Action": "{policy}",
            "Resource": "arn:aws:s3:::bucket/only/this"}}"""
        document = f'{{"Version": "2012-10-17", "Statement": {statement}}}'
        await store.call(MAIN, "PutBucketPolicy", Bucket="bucket", Policy=document)
    request = store.request(ANONYMOUS, "DeleteObjects", Bucket="bucket")
    if code == "ok":
        store.layer.authorize(request)
        return
    with pytest.raises(S3Error, match=code):
        store.layer.authorize(request)


async def test_anonymous_requests_are_decided_here(store):
    assert store.layer.admits_anonymous
    await store.call(MAIN, "PutObjectAcl", ACL="public-read", **K)
    assert await store.code(ANONYMOUS, "GetObject", **K) == "ok"


@pytest.mark.rule("ACCESS-6")
async def test_owners_survive_a_restart(store, reopened):
    await store.call(MAIN, "PutBucketAcl", ACL="public-read-write", Bucket="bucket")
    await store.call(ALT, "PutObject", b"new", Bucket="bucket", Key="of alt")
    upload = await store.call(ALT, "CreateMultipartUpload", Bucket="bucket", Key="part")
    again = await reopened()
    listed = (await again.call(MAIN, "ListObjects", Bucket="bucket")).output["Contents"]
    assert [(row["Key"], row["Owner"]["ID"]) for row in listed] == [
        ("k", MAIN.owner),
        ("of alt", ALT.owner),
    ]
    parts = {"Bucket": "bucket", "Key": "part", "UploadId": upload.output["UploadId"]}
    assert (await again.call(ALT, "ListParts", **parts)).output["Initiator"]["ID"] == ALT.owner
    assert await again.code(MAIN, "GetObject", Bucket="bucket", Key="of alt") == "AccessDenied"
    assert await again.code(ALT, "CreateBucket", Bucket="bucket") == "BucketAlreadyExists"
