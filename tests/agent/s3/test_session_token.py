"""A session token proves what it says, and nothing but the permanent secret can make one."""

import re

import msgspec
import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.session_token import MAX_TOKEN, Session, Temporary, seal, unseal

SESSION = Session("S3DPARENT", 1_800_000_000, "n", "role", "me", ('{"Statement": []}',))
SECRET = "a permanent secret"


def opened(token: str, secret: str = SECRET) -> Temporary:
    return unseal(token).opened(secret)


def is_refused(token: str) -> bool:
    try:
        opened(token)
    except S3Error as error:
        return error.code == "InvalidToken"
    return False


def test_the_token_says_what_was_sealed_and_gives_the_same_credentials() -> None:
    made = seal(SESSION, SECRET)
    assert unseal(made.token).session == SESSION
    assert opened(made.token) == made
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", made.access_key_id)
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", made.secret)
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", made.token)


def test_each_session_has_credentials_of_its_own() -> None:
    other = msgspec.structs.replace(SESSION, nonce="m")
    one, two = seal(SESSION, SECRET), seal(other, SECRET)
    assert one.access_key_id != two.access_key_id
    assert one.secret != two.secret


def test_another_secret_opens_nothing() -> None:
    with pytest.raises(S3Error) as caught:
        opened(seal(SESSION, SECRET).token, "another secret")
    assert caught.value.code == "InvalidToken"


def test_no_changed_character_is_accepted() -> None:
    token = seal(SESSION, SECRET).token
    for at in range(len(token)):
        for sign in "A", "z", "-", "\n", "ä":
            if token[at] == sign:
                continue
            changed = token[:at] + sign + token[at + 1 :]
            if at == len(token.rstrip("=")) - 1 and not is_refused(changed):
                assert opened(changed) == opened(token)  # it differs in unused bits only
                continue
            assert is_refused(changed), (at, sign)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "S3D1",
        "S3D1AAAA",
        "S3D1" + "A" * 100,
        "S3D1" + "A" * 101,
        "x" * 100,
        "S3D2" + seal(SESSION, SECRET).token[4:],
        seal(SESSION, SECRET).token + "=",
        seal(SESSION, SECRET).token[:-8],
        "S3D1" + "A" * MAX_TOKEN,
        "\ud800",
        "FwoGZXIvYXdzEBYaDAAAAAAAAAAAAAAAAA==",
    ],
)
def test_what_no_agent_has_made(token: str) -> None:
    with pytest.raises(S3Error) as caught:
        opened(token)
    assert (caught.value.code, caught.value.status) == ("InvalidToken", 400)


def test_policies_that_do_not_fit_into_a_head_are_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        seal(msgspec.structs.replace(SESSION, policies=("x" * 2048,) * 3), SECRET)


def test_secrets_are_not_printed() -> None:
    made = seal(SESSION, SECRET)
    assert made.secret not in repr(made)
    assert made.token not in repr(made)
