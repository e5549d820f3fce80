"""The website configuration of a bucket: documents, redirects, and pages for errors. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.serialize import HOST_ID
from s3d.agent.s3.xml import escape

HOST = ".s3-website"
"""What stands between the bucket and the name of the endpoint: BUCKET.s3-website.localhost."""
MOVED = 301
MOVED_FOR_NOW = 302
_CLIENT_ERRORS = range(400, 500)
"""Statuses for which S3 shows the error document."""

Configuration = Mapping[str, Any]


class Redirect(NamedTuple):
    """A response that sends the browser elsewhere."""

    status: int
    location: str


def bucket_of(label: str) -> str | None:
    """The bucket of a website's host name without the name of the endpoint; None: no website."""
    bucket = label.removesuffix(HOST)
    return bucket if bucket and bucket != label else None


def index_key(configuration: Configuration, key: str) -> str:
    """The key of the document for a path: that of the index document for a folder."""
    if key and not key.endswith("/"):
        return key
    return key + str(configuration["IndexDocument"]["Suffix"])


def error_key(configuration: Configuration, status: int) -> str:
    """The key of the error document; "" when there is none for this status."""
    document = configuration.get("ErrorDocument") or {}
    return str(document.get("Key") or "") if status in _CLIENT_ERRORS else ""


def redirect_of(
    configuration: Configuration, key: str, host: str, error: int | None = None
) -> Redirect | None:
    """The redirect of the configuration for a key, if there is one.

    host: of the request, with its port. error: the status that the request would have; None: it is
    not known yet, and only rules without an error code count.
    """
    whole = configuration.get("RedirectAllRequestsTo")
    if whole:
        location = f"{whole.get('Protocol') or 'http'}://{whole['HostName']}/{_encoded(key)}"
        return Redirect(MOVED, location)
    for rule in configuration.get("RoutingRules") or ():
        condition = rule.get("Condition") or {}
        code = condition.get("HttpErrorCodeReturnedEquals")
        prefix = condition.get("KeyPrefixEquals") or ""
        if key.startswith(prefix) and code == (None if error is None else str(error)):
            return _routed(rule["Redirect"], key, prefix, host)
    return None


def folder_redirect(key: str) -> Redirect:
    """To a folder that was named without its slash."""
    return Redirect(MOVED_FOR_NOW, f"/{_encoded(key)}/")


def error_page(
    error: S3Error, phrase: str, request_id: str, custom: S3Error | None = None
) -> bytes:
    """S3's page for an error. phrase: of its status. custom: why the error document could not be
    read."""
    title = f"{error.status} {phrase}"
    lines = [
        f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>",
        _items([*_members(error), ("RequestId", request_id), ("HostId", HOST_ID)]),
    ]
    if custom is not None:
        lines += [
            "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>",
            _items(_members(custom)),
        ]
    return "\n".join([*lines, "<hr/>\n</body>\n</html>\n"]).encode()


def _routed(rule: Mapping[str, Any], key: str, prefix: str, host: str) -> Redirect:
    if rule.get("ReplaceKeyWith") is not None:
        key = rule["ReplaceKeyWith"]
    elif rule.get("ReplaceKeyPrefixWith") is not None:
        key = rule["ReplaceKeyPrefixWith"] + key[len(prefix) :]
    status = int(rule.get("HttpRedirectCode") or MOVED)
    origin = f"{rule.get('Protocol') or 'http'}://{rule.get('HostName') or host}"
    return Redirect(status, f"{origin}/{_encoded(key)}")


def _encoded(key: str) -> str:
    return quote(key, safe="/~!$&'()*,=:@;+?#%")


def _members(error: S3Error) -> list[tuple[str, str]]:
    members = {"Code": error.code, "Message": error.message, **error.detail}
    return [(name, str(value)) for name, value in members.items()]


def _items(members: list[tuple[str, str]]) -> str:
    rows = "".join(f"<li>{name}: {escape(value)}</li>\n" for name, value in members)
    return f"<ul>\n{rows}</ul>"
