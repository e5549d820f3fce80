from __future__ import annotations

import sys
from pathlib import Path

import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.stores.remote import credential_provider
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.static_credentials import RemoteKey

HELPER = """
import json, pathlib
count = pathlib.Path({count!r})
count.write_text(str(int(count.read_text() or 0) + 1))
print(json.dumps({{
    "Version": 1, "AccessKeyId": "PROCESS" + count.read_text(), "SecretAccessKey": "s",
    "SessionToken": "token", "Expiration": "2099-01-01T00:00:00Z",
}}))
"""


@pytest.fixture(autouse=True)
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An AWS configuration of its own: the file of profiles."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path / "config"


async def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    assert await CredentialProvider().key() == RemoteKey("ENV", "s", "t")


async def test_a_profile_with_its_region(aws: Path) -> None:
    aws.write_text(
        "[default]\naws_access_key_id=A\naws_secret_access_key=a\n"
        "[profile work]\naws_access_key_id=B\naws_secret_access_key=b\nregion=eu-central-1\n"
    )
    assert (await CredentialProvider().key()).access_key == "A"
    work = CredentialProvider(profile="work")
    assert (await work.key()).access_key == "B"
    assert await work.region() == "eu-central-1"
    assert await CredentialProvider().region() == "us-east-1"
    assert await CredentialProvider(profile="work", region="mine").region() == "mine"


async def test_a_credential_process_is_asked_once(aws: Path, tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("")
    helper = tmp_path / "helper.py"
    helper.write_text(HELPER.format(count=str(count)))
    aws.write_text(f"[default]\ncredential_process = {sys.executable} {helper}\n")
    chain = CredentialProvider()
    assert await chain.key() == RemoteKey("PROCESS1", "s", "token")
    assert await chain.key() == RemoteKey("PROCESS1", "s", "token")
    assert await chain.renew()
    assert (await chain.key()).access_key == "PROCESS2"


async def test_no_credentials_at_all() -> None:
    with pytest.raises(Unreachable) as caught:
        await CredentialProvider().key()
    assert caught.value.reason is Reason.CREDENTIALS
    assert not caught.value.sent


async def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(Unreachable, match="absent") as caught:
        await CredentialProvider(profile="absent").key()
    assert caught.value.reason is Reason.CREDENTIALS


async def test_credentials_that_come_later_are_found(aws: Path) -> None:
    chain = CredentialProvider()
    with pytest.raises(Unreachable):
        await chain.key()
    aws.write_text("[default]\naws_access_key_id=A\naws_secret_access_key=a\n")
    assert (await chain.key()).access_key == "A"


async def test_renewal_tells_whether_anything_changed_and_is_rare(
    aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.write_text("[default]\naws_access_key_id=A\naws_secret_access_key=a\n")
    chain = CredentialProvider()
    await chain.key()
    assert not await chain.renew()
    aws.write_text("[default]\naws_access_key_id=B\naws_secret_access_key=b\n")
    assert not await chain.renew(), "too soon after the last time"
    monkeypatch.setattr(credential_provider, "RENEW_PAUSE", 0.0)
    assert await chain.renew()
    assert (await chain.key()).access_key == "B"


async def test_a_fixed_key_is_never_looked_up() -> None:
    chain = CredentialProvider(key=RemoteKey("A", "a"))
    assert (await chain.key()).access_key == "A"
    assert not await chain.renew()


async def test_the_chain_asks_no_configured_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:33333")
    session = CredentialProvider()._session()
    assert session.get_config_variable("ignore_configured_endpoint_urls") is True


def test_a_key_shows_no_secret() -> None:
    assert "hidden" not in repr(RemoteKey("A", "hidden-secret", "hidden-token"))


@pytest.mark.finding("D1")
async def test_another_key_is_used_only_once_it_is_admitted(
    aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_provider, "RENEW_PAUSE", 0.0)
    aws.write_text("[default]\naws_access_key_id=A\naws_secret_access_key=a\n")
    chain = CredentialProvider()
    seen = []

    async def note(before: RemoteKey | None, key: RemoteKey) -> None:
        seen.append((before, key.access_key))

    async def admit(key: RemoteKey) -> bool:
        assert chain.current is not None
        seen.append((chain.current.access_key, key.access_key))
        return is_ours

    chain.on_key, chain.admit = note, admit
    await chain.key()
    aws.write_text("[default]\naws_access_key_id=B\naws_secret_access_key=b\n")
    is_ours = False
    assert not await chain.renew()
    assert (await chain.key()).access_key == "A"
    is_ours = True
    assert await chain.renew()
    assert (await chain.key()).access_key == "B"
    assert seen == [(None, "A"), ("A", "B"), ("A", "B")]
