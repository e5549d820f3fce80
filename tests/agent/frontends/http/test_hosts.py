"""Which Host names are ours."""

from __future__ import annotations

import pytest

from s3d.agent.frontends.http.hosts import Hosts, name_of

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
    assert len(hosts._known) < 1000


@pytest.mark.parametrize(
    ("host", "name"),
    [("A.B:80", "a.b"), ("a.", "a"), ("[::1]:80", "[::1]"), ("a:", "a"), ("a:x", None), ("", None)],
)
def test_the_name_is_without_port_and_in_lower_case(host: str, name: str | None) -> None:
    assert name_of(host) == name
