"""Web pages: no grant without a rule, no change without a grant."""

from __future__ import annotations

import base64
import hashlib

import pytest

from s3d.agent.frontends.http.cors import matching
from tests.agent.frontends.http.wire import RunningEndpoint, plain_head

PAGE = "https://app.example"
RULES = b"""<CORSConfiguration><CORSRule>
<AllowedOrigin>https://app.example</AllowedOrigin><AllowedOrigin>https://*.wide.example</AllowedOrigin>
<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>
<AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>content-type</AllowedHeader>
<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds></CORSRule>
<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod></CORSRule>
</CORSConfiguration>"""


@pytest.fixture
async def granting(endpoint: RunningEndpoint) -> RunningEndpoint:
    """The bucket has RULES."""
    md5 = base64.b64encode(hashlib.md5(RULES).digest()).decode()
    answer = await endpoint.ask("PUT", "/bucket?cors", RULES, content_md5=md5)
    assert answer.status == 200, answer.body
    return endpoint


async def preflight(
    endpoint: RunningEndpoint, path: str = "/bucket/k", **headers: str
) -> tuple[int, dict]:
    given = {"Host": endpoint.host} | {n.replace("_", "-"): v for n, v in headers.items()}
    async with endpoint.wire() as wire:
        answer = await wire.ask(plain_head("OPTIONS", path, given))
    found = {n: v for n, v in answer.headers.items() if n.startswith("access-control")}
    return answer.status, found


async def test_without_rules_an_origin_reads_without_a_grant(endpoint: RunningEndpoint) -> None:
    answer = await endpoint.ask("GET", "/bucket/k", origin="https://evil.example")
    assert answer.body == b"value"
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/bucket/k"), ("DELETE", "/bucket/k"), ("POST", "/bucket?delete")]
)
@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}]
)
async def test_a_foreign_page_changes_nothing_although_signed(
    endpoint: RunningEndpoint, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await endpoint.ask(method, path, **headers)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert (await endpoint.ask("GET", "/bucket/k")).body == b"value"


async def test_a_page_of_our_own_origin_is_not_foreign(endpoint: RunningEndpoint) -> None:
    answer = await endpoint.ask("PUT", "/bucket/k", b"new", origin=f"http://{endpoint.host}")
    assert answer.status == 200


async def test_a_rule_grants_its_origins_and_methods(granting: RunningEndpoint) -> None:
    answer = await granting.ask("PUT", "/bucket/page", b"x", origin=PAGE)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-expose-headers"] == "ETag"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert "Origin" in answer.headers["vary"]


async def test_errors_of_a_granted_page_are_told_to_it(granting: RunningEndpoint) -> None:
    answer = await granting.ask("GET", "/bucket/none", origin=PAGE)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (404, PAGE)


async def test_a_star_never_comes_with_credentials(granting: RunningEndpoint) -> None:
    answer = await granting.ask("HEAD", "/bucket/k", origin="https://any.example")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://app.example"])
async def test_other_origins_get_no_grant(granting: RunningEndpoint, origin: str) -> None:
    answer = await granting.ask("GET", "/bucket/k", origin=origin)
    assert "access-control-allow-origin" not in answer.headers


async def test_preflight_of_an_allowed_page(granting: RunningEndpoint) -> None:
    status, found = await preflight(
        granting,
        origin=PAGE,
        access_control_request_method="PUT",
        access_control_request_headers="X-Amz-Date, Content-Type",
    )
    assert status == 200
    assert found == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, PUT",
        "access-control-allow-headers": "X-Amz-Date, Content-Type",
        "access-control-max-age": "600",
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": PAGE}, 400),
        ({"access_control_request_method": "GET"}, 400),
        ({"origin": "https://evil.example", "access_control_request_method": "GET"}, 403),
        ({"origin": "null", "access_control_request_method": "HEAD"}, 403),
        ({"origin": PAGE, "access_control_request_method": "DELETE"}, 403),
        (
            {
                "origin": PAGE,
                "access_control_request_method": "GET",
                "access_control_request_headers": "x-other",
            },
            403,
        ),
    ],
)
async def test_preflight_of_what_no_rule_allows(
    granting: RunningEndpoint, headers: dict[str, str], status: int
) -> None:
    assert await preflight(granting, **headers) == (status, {})


async def test_preflight_without_rules_or_bucket(endpoint: RunningEndpoint) -> None:
    asked = {"origin": PAGE, "access_control_request_method": "GET"}
    for path in ("/bucket/k", "/none/k", "/"):
        assert await preflight(endpoint, path, **asked) == (403, {})


async def test_preflight_of_a_foreign_host_is_refused(granting: RunningEndpoint) -> None:
    asked = {"origin": PAGE, "access_control_request_method": "GET", "Host": "evil.example"}
    assert await preflight(granting, **asked) == (403, {})


@pytest.mark.parametrize(
    ("origin", "fits"),
    [
        ("https://a.wide.example", True),
        ("https://.wide.example", True),
        ("https://wide.example", False),
        ("http://a.wide.example", False),
        ("https://a.wide.example.evil", False),
    ],
)
def test_a_star_stands_for_anything_in_its_place(origin: str, fits: bool) -> None:
    rule = {"AllowedOrigins": ["https://*.wide.example"], "AllowedMethods": ["GET"]}
    assert (matching([rule], origin, "GET", ()) is rule) is fits


def test_the_ends_around_a_star_do_not_overlap() -> None:
    rule = {"AllowedOrigins": ["aXb*Xb"], "AllowedMethods": ["GET"]}
    assert matching([rule], "aXb", "GET", ()) is None
