"""website_endpoint: a browser's requests for BUCKET.s3-website.localhost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from s3d.agent.core.owners import Owners
from s3d.agent.stores.access.authorization import Authorization
from s3d.agent.stores.access.layer import AccessLayer
from tests.agent.frontends.http.wire import Answer, opened, plain_head
from tests.contract.client import Client

Browse = Callable[..., Awaitable[Answer]]
PAGES = {
    "index.html": b"<h1>home</h1>",
    "docs/index.html": b"docs",
    "oops.html": b"<h1>oops</h1>",
    "large.html": b"x" * 300_000,
}
GRANT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::site", "arn:aws:s3:::site/*"],
        }
    ],
}
RULES = [
    {
        "Condition": {"KeyPrefixEquals": "old/"},
        "Redirect": {"ReplaceKeyPrefixWith": "docs/", "HttpRedirectCode": "302"},
    }
]


@pytest.fixture
async def s3(store) -> Client:
    s3 = Client(store)
    await s3("CreateBucket", Bucket="site")
    for key, page in PAGES.items():
        await s3("PutObject", Bucket="site", Key=key, Body=page, ContentType="text/html")
    await configure(s3, {"ErrorDocument": {"Key": "oops.html"}, "RoutingRules": RULES})
    await s3("PutBucketPolicy", Bucket="site", Policy=json.dumps(GRANT))
    return s3


async def configure(s3: Client, members) -> None:
    website = {"IndexDocument": {"Suffix": "index.html"}, **members}
    await s3("PutBucketWebsite", Bucket="site", WebsiteConfiguration=website)


@pytest.fixture
async def browse(store, s3) -> AsyncIterator[Browse]:
    access = AccessLayer(store, Authorization(store._index, Owners()))
    async with opened(access, access=access) as endpoint:

        async def browse(path: str, method: str = "GET", **headers: str) -> Answer:
            given = {"host": "site.s3-website.localhost:1"}
            given |= {name.replace("_", "-"): value for name, value in headers.items()}
            async with endpoint.wire() as wire:
                return await wire.ask(plain_head(method, path, given), method)

        yield browse


async def test_pages_and_index_documents(browse):
    for path, key in (
        ("/", "index.html"),
        ("/docs/", "docs/index.html"),
        ("/index.html?v=1", "index.html"),
        ("/large.html", "large.html"),
    ):
        answer = await browse(path)
        assert (answer.status, answer.body) == (200, PAGES[key])
        assert answer.headers["content-type"] == "text/html"
        assert "content-security-policy" not in answer.headers, "its pages may run scripts"


async def test_head_range_and_conditions(browse):
    head = await browse("/", "HEAD")
    assert head.headers["content-length"] == str(len(PAGES["index.html"]))
    part = await browse("/", range="bytes=0-3")
    assert (part.status, part.body) == (206, b"<h1>")
    unchanged = await browse("/", if_none_match=head.headers["etag"])
    assert (unchanged.status, unchanged.body) == (304, b"")


async def test_a_folder_without_its_slash_is_redirected(browse):
    answer = await browse("/docs")
    assert (answer.status, answer.headers["location"]) == (302, "/docs/")


async def test_the_error_document_comes_with_the_status(browse):
    answer = await browse("/missing")
    assert (answer.status, answer.body) == (404, PAGES["oops.html"])
    assert (await browse("/missing", "HEAD")).status == 404


async def test_routing_rules_redirect(browse):
    answer = await browse("/old/a")
    location = "http://site.s3-website.localhost:1/docs/a"
    assert (answer.status, answer.headers["location"]) == (302, location)


async def test_an_object_can_be_a_redirect(browse, s3):
    await s3("PutObject", Bucket="site", Key="moved", Body=b"", WebsiteRedirectLocation="/docs/")
    answer = await browse("/moved")
    assert (answer.status, answer.headers["location"], answer.body) == (301, "/docs/", b"")


async def test_errors_without_a_document_are_pages(browse, s3):
    await configure(s3, {})
    answer = await browse("/missing")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-amz-error-code"] == "NoSuchKey"
    assert b"<li>Code: NoSuchKey</li>" in answer.body
    await configure(s3, {"ErrorDocument": {"Key": "nowhere.html"}})
    answer = await browse("/missing")
    assert b"Retrieve a Custom Error Document" in answer.body


async def test_what_is_not_granted_is_refused(browse, s3):
    await s3("DeleteBucketPolicy", Bucket="site")
    answer = await browse("/")
    assert (answer.status, answer.headers["x-amz-error-code"]) == (403, "AccessDenied")
    assert PAGES["index.html"] not in answer.body


async def test_a_bucket_without_configuration_has_no_website(browse, s3):
    await s3("DeleteBucketWebsite", Bucket="site")
    answer = await browse("/")
    assert answer.status == 404
    assert answer.headers["x-amz-error-code"] == "NoSuchWebsiteConfiguration"
    answer = await browse("/", host="nobody.s3-website.localhost")
    assert answer.headers["x-amz-error-code"] == "NoSuchBucket"


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_only_get_and_head_are_allowed(browse, s3, method):
    answer = await browse("/index.html", method, content_length="0")
    assert answer.status == 405
    assert (await s3("GetObject", Bucket="site", Key="index.html")).body == PAGES["index.html"]
