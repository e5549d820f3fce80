"""Several principals in front of one store, each with the client of an AWS SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from s3d.agent.core.access_keys import AccessKeys
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret
from tests.agent.frontends.http.wire import ACCESS_KEY, SECRET, RunningEndpoint

DEFAULT = AccessKey(ACCESS_KEY, Secret(SECRET))
TEAM = AccessKey("S3DTEAMKEY", Secret("t"), "team", "guest", bucket="bucket", prefix="team/")
READER = AccessKey("S3DREADER", Secret("r"), "reader", read_only=True)


@dataclass
class Principals:
    """Calls the endpoint with boto3: await principals.s3(KEY, "list_buckets")."""

    endpoint: RunningEndpoint
    keys: AccessKeys
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    async def s3(self, who: AccessKey | dict[str, Any], call: str, **given: Any) -> Any:
        """The answer; the code of an error as a string."""
        return await self._call("s3", who, call, given)

    async def sts(self, who: AccessKey | dict[str, Any], call: str, **given: Any) -> Any:
        return await self._call("sts", who, call, given)

    async def _call(
        self, service: str, who: AccessKey | dict[str, Any], call: str, given: dict[str, Any]
    ) -> Any:
        name = who.access_key_id if isinstance(who, AccessKey) else repr(sorted(who.items()))
        if (service, name) not in self.clients:
            self.clients[service, name] = self.client(service, who)
        client = self.clients[service, name]
        try:
            return await asyncio.to_thread(getattr(client, call), **given)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return f"{status} {error.response['Error']['Code']}"

    def client(self, service: str, who: AccessKey | dict[str, Any], **options: Any) -> Any:
        """who: a key, or the Credentials of an answer of STS."""
        if isinstance(who, AccessKey):
            access_key, secret, token = who.access_key_id, who.secret.reveal(), None
        else:
            access_key, secret = who["AccessKeyId"], who["SecretAccessKey"]
            token = who.get("SessionToken")
        return boto3.client(
            service,
            endpoint_url=f"http://{self.endpoint.host}",
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 0}, parameter_validation=False, **options),
        )


class MovableClock:
    """Unix seconds, as the machine has them, plus what a test adds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._now() + self.ahead
