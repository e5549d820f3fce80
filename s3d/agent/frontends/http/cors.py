"""CORS: a web page may use a bucket only as far as the bucket's CORS configuration allows.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.http.exchange import ExtraHeaders
from s3d.agent.frontends.http.request_reader import STATE_CHANGING, RequestHead
from s3d.agent.s3.errors import S3Error

Rule = Mapping[str, Any]
"""A CORSRule by its members' AWS names."""


async def grant(client: S3Client, head: RequestHead) -> ExtraHeaders:
    """The headers that let a web page read the response; none without a matching rule.

    Raises S3Error AccessDenied for a state-changing request of another site without a rule.
    """
    headers, method = head.headers, head.wire.method
    origin = headers.get("origin", "")
    if origin and origin.lower() == f"http://{head.host.lower()}":
        return ()
    if origin:
        rules = await rules_of(client, head.address.bucket)
        rule = matching(rules, origin, method, ())
        if rule is not None:
            return _grant_headers(rule, origin)
    if method in STATE_CHANGING:
        raise S3Error("AccessDenied", "A web page of another origin must not change anything.")
    return ()


async def preflight(client: S3Client, head: RequestHead) -> ExtraHeaders:
    """The headers that answer OPTIONS. Raises S3Error BadRequest or AccessForbidden.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
    """
    headers = head.headers
    origin, method = headers.get("origin"), headers.get("access-control-request-method")
    if not origin:
        raise S3Error("BadRequest", "Insufficient information. Origin request header needed.")
    rules = await _find_rules(client, head.address.bucket)
    if not rules:
        why = "Bucket not found" if rules is None else "CORS is not enabled for this bucket."
        message = f"CORSResponse: {why}"
        raise S3Error("AccessForbidden", message, Method=method or "OPTIONS", ResourceType="BUCKET")
    if not method:
        raise S3Error("BadRequest", "Invalid Access-Control-Request-Method: null")
    requested = [
        name.strip() for name in headers.get("access-control-request-headers", "").split(",")
    ]
    requested = [name for name in requested if name]
    rule = matching(rules, origin, method, requested)
    if rule is None:
        raise S3Error("AccessForbidden", Method=method, ResourceType="OBJECT")
    return _preflight_headers(rule, origin, requested)


async def rules_of(client: S3Client, bucket: str) -> Sequence[Rule]:
    """The CORS rules of a bucket; none when there is no such configuration, or no such bucket."""
    return await _find_rules(client, bucket) or ()


async def _find_rules(client: S3Client, bucket: str) -> Sequence[Rule] | None:
    """As rules_of; None: there is no such bucket."""
    if not bucket:
        return None
    try:
        response = await client.call("GetBucketCors", {"Bucket": bucket})
    except S3Error as error:
        if error.status == 404:
            return None if error.code == "NoSuchBucket" else ()
        raise
    rules: Sequence[Rule] = response.output.get("CORSRules", ())
    return rules


def matching(
    rules: Sequence[Rule], origin: str, method: str, headers: Sequence[str]
) -> Rule | None:
    """The first rule that allows this origin, method and every header. `null` is never allowed:
    sandboxed pages of every site have that origin."""
    if origin == "null":
        return None
    for rule in rules:
        if (
            method in rule["AllowedMethods"]
            and any(_fits(pattern, origin) for pattern in rule["AllowedOrigins"])
            and all(_allows_header(rule, name) for name in headers)
        ):
            return rule
    return None


def _grant_headers(rule: Rule, origin: str) -> ExtraHeaders:
    found = [*_origin_headers(rule, origin), _methods_header(rule)]
    if rule.get("ExposeHeaders"):
        found.append(("Access-Control-Expose-Headers", ", ".join(rule["ExposeHeaders"])))
    return tuple(found)


def _preflight_headers(rule: Rule, origin: str, requested: Sequence[str]) -> ExtraHeaders:
    found = [*_origin_headers(rule, origin), _methods_header(rule)]
    if requested:
        found.append(("Access-Control-Allow-Headers", ", ".join(requested)))
    if rule.get("MaxAgeSeconds") is not None:
        found.append(("Access-Control-Max-Age", str(rule["MaxAgeSeconds"])))
    return tuple(found)


def _methods_header(rule: Rule) -> tuple[str, str]:
    return "Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"])


def _origin_headers(rule: Rule, origin: str) -> ExtraHeaders:
    """A rule that names the origin repeats it and allows credentials; `*` allows none."""
    vary = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
    if any(pattern != "*" and _fits(pattern, origin) for pattern in rule["AllowedOrigins"]):
        return (
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Allow-Credentials", "true"),
            vary,
        )
    return (("Access-Control-Allow-Origin", "*"), vary)


def _allows_header(rule: Rule, name: str) -> bool:
    return any(_fits(pattern.lower(), name.lower()) for pattern in rule.get("AllowedHeaders", ()))


def _fits(pattern: str, text: str) -> bool:
    """pattern: with at most one `*`, which stands for anything."""
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return (
        len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)
    )
