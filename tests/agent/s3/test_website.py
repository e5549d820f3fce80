"""website: the documents and redirects of a configuration."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.website import (
    Redirect,
    bucket_of,
    error_key,
    error_page,
    folder_redirect,
    index_key,
    redirect_of,
)

SITE = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "oops.html"}}


def routed(redirect, condition=None, *, key="docs/a b", error=None):
    rule = {"Redirect": redirect} | ({"Condition": condition} if condition else {})
    return redirect_of({**SITE, "RoutingRules": [rule]}, key, "site:1", error)


def test_the_host_name_of_a_website_has_its_bucket():
    assert bucket_of("photos.s3-website") == "photos"
    assert bucket_of("a.b.s3-website") == "a.b"
    assert bucket_of("photos") is None
    assert bucket_of(".s3-website") is None


def test_a_folder_has_its_index_document():
    assert index_key(SITE, "") == "index.html"
    assert index_key(SITE, "a/") == "a/index.html"
    assert index_key(SITE, "a") == "a"
    assert folder_redirect("a b") == Redirect(302, "/a%20b/")


def test_the_error_document_is_for_errors_of_the_client():
    assert error_key(SITE, 404) == error_key(SITE, 403) == "oops.html"
    assert error_key(SITE, 500) == ""
    assert error_key({"IndexDocument": {"Suffix": "i"}}, 404) == ""


def test_everything_can_be_redirected():
    whole = {"RedirectAllRequestsTo": {"HostName": "example.org", "Protocol": "https"}}
    assert redirect_of(whole, "a/b", "site") == Redirect(301, "https://example.org/a/b")


def test_a_rule_replaces_a_prefix():
    condition = {"KeyPrefixEquals": "docs/"}
    answer = routed({"ReplaceKeyPrefixWith": "pages/"}, condition)
    assert answer == Redirect(301, "http://site:1/pages/a%20b")
    assert routed({"ReplaceKeyPrefixWith": "pages/"}, condition, key="other") is None


def test_a_rule_for_an_error_waits_for_it():
    redirect = {"HostName": "old.example", "ReplaceKeyWith": "gone", "HttpRedirectCode": "307"}
    condition = {"HttpErrorCodeReturnedEquals": "404"}
    assert routed(redirect, condition) is None
    assert routed(redirect, condition, error=403) is None
    assert routed(redirect, condition, error=404) == Redirect(307, "http://old.example/gone")


@pytest.mark.parametrize("key", ["<script>", '"&'])
def test_a_page_for_an_error_is_escaped(key):
    page = error_page(
        S3Error("NoSuchKey", Key=key), "Not Found", "R1", S3Error("AccessDenied")
    ).decode()
    assert "<h1>404 Not Found</h1>" in page
    assert "<li>Code: NoSuchKey</li>" in page
    assert "<li>Code: AccessDenied</li>" in page
    assert key not in page
