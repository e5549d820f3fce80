import pytest

from s3d.agent.frontends.admin.admin_access import AdminAccess, Caller
from s3d.shared.config.values import Secret

TOKEN = "0123456789abcdef-token"


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:33334", "LOCALHOST:1", "127.0.0.1:33334", "127.0.0.1",
        "[::1]:33334", "[::1]", "192.168.1.7:33334", "nas.home:33334", "NAS.home.",
    ],
)  # fmt: skip
def test_addresses_and_known_names_are_allowed(host):
    assert AdminAccess(["nas.home"]).allows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "", ":33334", "evil.example", "evil.example:33334", "localhost.evil.example",
        "127.0.0.1.evil.example", "user@localhost", "localhost@evil.example", "localhost:x",
        "localhost:99999", "localhost/", "localhost?", "localhost#x", "[::1", "::1",
        "2130706433", "0x7f.1", "nas.home,localhost", " localhost", "sub.localhost",
    ],
)  # fmt: skip
def test_a_name_of_another_site_is_refused(host):
    assert not AdminAccess(["nas.home"]).allows_host(host)


def test_without_a_token_every_caller_is_trusted():
    access = AdminAccess()
    assert access.caller("") is access.caller("Bearer x") is Caller.TRUSTED


@pytest.mark.parametrize(
    ("authorization", "caller"),
    [
        ("", Caller.ANONYMOUS),
        (f"Bearer {TOKEN}", Caller.TRUSTED),
        (f"bearer  {TOKEN} ", Caller.TRUSTED),
        (f"Basic {TOKEN}", Caller.REFUSED),
        (TOKEN, Caller.REFUSED),
        ("Bearer", Caller.REFUSED),
        ("Bearer ", Caller.REFUSED),
        (f"Bearer {TOKEN[:-1]}", Caller.REFUSED),
        (f"Bearer {TOKEN}x", Caller.REFUSED),
        ("Bearer \udcff\udcfe", Caller.REFUSED),
        ("Bearer ***", Caller.REFUSED),
    ],
)
def test_only_the_right_bearer_token_is_trusted(authorization, caller):
    assert AdminAccess(token=Secret(TOKEN)).caller(authorization) is caller
