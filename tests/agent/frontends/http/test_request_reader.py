"""ResponseHeadWriter of requests: what is refused before a byte of the body is read."""

from __future__ import annotations

import pytest

from s3d.agent.frontends.http.request_reader import Hosts, name_of, split_target
from tests.agent.frontends.http.wire import ABSENT, RunningEndpoint, plain_head

GIB = 1024**3


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("/b/k?a=b?c", ("", "/b/k", "a=b?c")),
        ("http://h:1/b/k?q", ("h:1", "/b/k", "q")),
        ("http://h", ("h", "/", "")),
        ("http://h?q", ("h", "/", "q")),
        ("//b//k", ("", "//b//k", "")),
        ("/http://x/y", ("", "/http://x/y", "")),
        ("*", ("", "*", "")),
    ],
)
def test_target_in_all_forms(target: str, parts: tuple[str, str, str]) -> None:
    assert split_target(target) == parts


async def test_a_foreign_host_is_refused_although_signed(endpoint: RunningEndpoint) -> None:
    answer = await endpoint.ask("GET", "/bucket/k", host="evil.example")
    assert (answer.status, answer.code) == (403, "AccessDenied")


async def test_a_foreign_host_is_refused_before_the_signature_is_looked_at(
    endpoint: RunningEndpoint,
) -> None:
    async with endpoint.wire() as wire:
        head = plain_head("GET", "/", {"Host": "evil.example", "Authorization": "garbage"})
        assert (await wire.ask(head)).code == "AccessDenied"


async def test_the_host_of_an_absolute_target_counts(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        head = plain_head("GET", "http://evil.example/bucket/k", {"Host": endpoint.host})
        assert (await wire.ask(head)).code == "BadRequest"


async def test_an_absolute_target_of_ours_is_served(endpoint: RunningEndpoint) -> None:
    request = endpoint.request("GET", "/bucket/k")
    request = request.replace(b"GET /", f"GET http://{endpoint.host}/".encode(), 1)
    async with endpoint.wire() as wire:
        assert (await wire.ask(request)).body == b"value"


async def test_virtual_host_style(endpoint: RunningEndpoint) -> None:
    port = endpoint.address[1]
    for host in (f"bucket.s3.localhost:{port}", f"bucket.localhost:{port}", "bucket.s3.test"):
        assert (await endpoint.ask("GET", "/k", host=host)).body == b"value"


async def test_a_head_over_8_kb_is_refused(endpoint: RunningEndpoint) -> None:
    headers = {f"x_h{n}": "v" * 500 for n in range(16)}
    answer = await endpoint.ask("GET", "/bucket/k", **headers)
    assert (answer.status, answer.code) == (400, "RequestHeaderSectionTooLarge")


async def test_dot_segments_and_double_slashes_stay_in_the_key(endpoint: RunningEndpoint) -> None:
    for path in ("/bucket/a/../b", "/bucket/a//b", "/bucket/%2Fa", "/bucket/a/./b"):
        assert (await endpoint.ask("PUT", path, path.encode())).status == 200
    for path in ("/bucket/a/../b", "/bucket/a//b", "/bucket/%2Fa", "/bucket/a/./b"):
        assert (await endpoint.ask("GET", path)).body == path.encode()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content_length": str(5 * GIB + 1)}, "EntityTooLarge"),
        ({"content_length": str(2**63)}, "EntityTooLarge"),
        ({"content_length": "-1"}, "BadRequest"),
        ({"content_length": "1e3"}, "BadRequest"),
        ({"content_length": ABSENT}, "MissingContentLength"),
        ({"content_length": ABSENT, "transfer_encoding": "chunked"}, "NotImplemented"),
        ({"payload": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "MissingContentLength"),
        (
            {
                "payload": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                "x_amz_decoded_content_length": "1e3",
            },
            "MissingContentLength",
        ),
        (
            {
                "payload": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                "x_amz_decoded_content_length": str(5 * GIB + 1),
            },
            "EntityTooLarge",
        ),
    ],
)
async def test_lengths_are_judged_before_the_body(
    endpoint: RunningEndpoint, headers: dict[str, str], code: str
) -> None:
    async with endpoint.wire() as wire:
        answer = await wire.ask(endpoint.head("PUT", "/bucket/new", **headers))
    assert answer.code == code
    assert (await endpoint.ask("HEAD", "/bucket/new")).status == 404


@pytest.mark.parametrize("length", ["1e3", "", "-1", "9" * 30, "4", str(5 * GIB + 1)])
async def test_a_decoded_length_means_nothing_beside_a_body_in_one_piece(
    endpoint: RunningEndpoint, length: str
) -> None:
    """It is the size without the framing of aws-chunked, and there is none."""
    for payload in ("", "UNSIGNED-PAYLOAD"):
        head = endpoint.head(
            "PUT", "/bucket/new", b"hello", payload, x_amz_decoded_content_length=length
        )
        async with endpoint.wire() as wire:
            assert (await wire.ask(head + b"hello")).status == 200
        assert (await endpoint.ask("GET", "/bucket/new")).body == b"hello"


async def test_a_document_over_4_mib_is_refused_before_it_comes(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        head = endpoint.head("PUT", "/bucket?tagging", content_length=str(4 * 1024**2 + 1))
        assert (await wire.ask(head)).code == "MaxMessageLengthExceeded"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_chunked_payload_belongs_to_uploads_only(
    endpoint: RunningEndpoint, method: str
) -> None:
    async with endpoint.wire() as wire:
        head = endpoint.head(method, "/bucket/k", payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
        assert (await wire.ask(head)).status == 400


async def test_an_unknown_sub_resource_is_not_implemented_and_changes_nothing(
    endpoint: RunningEndpoint,
) -> None:
    answer = await endpoint.ask("PUT", "/bucket/k?frobnicate", b"<X/>")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert (await endpoint.ask("GET", "/bucket/k")).body == b"value"


async def test_repeated_headers_are_joined_as_in_the_signature(endpoint: RunningEndpoint) -> None:
    head = endpoint.head("PUT", "/bucket/twice", x_amz_meta_a="1,2")
    head = head.replace(b"x-amz-meta-a: 1,2\r\n", b"x-amz-meta-a: 1\r\nx-amz-meta-a: 2\r\n")
    async with endpoint.wire() as wire:
        assert (await wire.ask(head)).status == 200
    assert (await endpoint.ask("HEAD", "/bucket/twice")).headers["x-amz-meta-a"] == "1,2"


OURS = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "localhost:33333",
    "127.0.0.1",
    "127.0.0.1:1",
    "[::1]",
    "[::1]:80",
    "s3.localhost:9",
    "bucket.s3.localhost",
    "a.b.localhost:1",
    "store.test",
    "bucket.store.test:80",
    "192.168.7.7",
]
FOREIGN = [
    "",
    "evil.example",
    "evil.example:33333",
    "localhost.evil.example",
    "evillocalhost",
    "127.0.0.1.evil.example",
    "0.0.0.0",
    "[::]",
    "::1",
    "127.0.0.2",
    "localhost:port",
    "user@localhost",
    "localhost/x",
    "evil.example#.localhost",
    "bucket.127.0.0.1",
    ".localhost/../evil.example",
]


@pytest.fixture
def hosts() -> Hosts:
    return Hosts("192.168.7.7", ["Store.Test"])


@pytest.mark.parametrize("host", OURS)
def test_ours_at_any_port(hosts: Hosts, host: str) -> None:
    assert hosts.allows(host)
    assert hosts.allows(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_foreign(hosts: Hosts, host: str) -> None:
    assert not hosts.allows(host)


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", ""])
def test_a_wildcard_bind_adds_no_name(bind: str) -> None:
    assert not Hosts(bind, ()).allows("0.0.0.0")
    assert not Hosts(bind, ()).allows("[::]")
    assert not Hosts(bind, ()).allows("10.0.0.1")


def test_a_bind_address_of_version_6_is_ours_in_brackets() -> None:
    assert Hosts("fd00::1", ()).allows("[fd00::1]:80")


def test_buckets_stand_before_the_longest_name_first(hosts: Hosts) -> None:
    assert hosts.bases.index("s3.localhost") < hosts.bases.index("localhost")


def test_many_names_do_not_fill_the_memory(hosts: Hosts) -> None:
    assert all(hosts.allows(f"b{n}.localhost") for n in range(1000))
    assert len(hosts._allowed) < 1000


@pytest.mark.parametrize(
    ("host", "name"),
    [("A.B:80", "a.b"), ("a.", "a"), ("[::1]:80", "[::1]"), ("a:", "a"), ("a:x", None), ("", None)],
)
def test_the_name_is_without_port_and_in_lower_case(host: str, name: str | None) -> None:
    assert name_of(host) == name
