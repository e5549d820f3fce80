"""The signer of a connection; no server is needed for it."""

from __future__ import annotations

import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_connection import RequestSigner, is_signed
from s3d.agent.stores.remote.remote_messages import RemoteRequest
from s3d.agent.stores.remote.static_credentials import RemoteKey


def signer(url: str = "aws", token: str | None = None) -> RequestSigner:
    key = RemoteKey("KEY", "secret", token)
    return RequestSigner(Settings(url), CredentialProvider(region="us-east-1", key=key))


async def test_a_redirect_of_aws_moves_the_endpoint() -> None:
    aws = signer()
    assert (await aws.target("b"))[0].host == "s3.us-east-1.amazonaws.com"
    assert await aws.set_region("b", "eu-west-1")
    assert (await aws.target("b"))[0].host == "s3.eu-west-1.amazonaws.com"
    assert (await aws.target("other"))[1] == "us-east-1"


@pytest.mark.parametrize("region", ["", "us-east-1", "EU", "evil.example/"])
async def test_a_region_that_is_none_or_in_use_changes_nothing(region: str) -> None:
    assert not await signer().set_region("b", region)


async def test_another_remote_keeps_its_endpoint() -> None:
    other = signer("http://s3.example.org:9000")
    assert await other.set_region("b", "eu-west-1")
    target, region = await other.target("b")
    assert (target.url, region) == ("http://s3.example.org:9000", "eu-west-1")


async def test_a_signature_covers_the_host_and_the_token() -> None:
    request = RemoteRequest(operations()["GetObject"], "GET", "bucket", "k")
    request.headers.append(("user-agent", "x"))
    target, _, headers = await signer("http://h", token="T").sign(request, 0.0)
    found = dict(headers)
    assert (target.url, found["host"], found["x-amz-security-token"]) == ("http://h", "h", "T")
    assert "host;" in found["authorization"]
    assert "user-agent" not in found["authorization"]


def test_what_a_proxy_may_change_is_not_signed() -> None:
    assert all(map(is_signed, ("host", "x-amz-date", "if-match", "content-type")))
    assert not any(map(is_signed, ("user-agent", "accept-encoding", "range")))


async def test_without_credentials_nothing_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = CredentialProvider(region="us-east-1")

    async def fail() -> bool:
        raise Unreachable(Reason.CREDENTIALS, "none", sent=False)

    monkeypatch.setattr(provider, "renew", fail)
    assert not await RequestSigner(Settings("aws"), provider).renew_credentials()
