"""Callers of several kinds, as boto3 clients: owners, keys with a scope, and one without a key."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from botocore import UNSIGNED
from botocore.exceptions import ClientError

from s3d.cli.client.access_key_client import AccessKeyClient
from s3d.shared.access_key import DEFAULT_OWNER, owner_named
from s3d.shared.access_key_changes import KeyRequest
from tests.agent_process import AgentProcess

MAIN_ID = owner_named(DEFAULT_OWNER).canonical_id
ALT_ID = owner_named("alt").canonical_id
ALT_ACCOUNT = owner_named("alt").account_id
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


class Principals:
    """main owns what the tests make; alt is another account; anonymous has no key."""

    def __init__(self, agent: AgentProcess) -> None:
        self._agent = agent
        self.keys = AccessKeyClient(agent.client)
        self.main = agent.s3()
        self.alt = self.client(owner="alt")
        self.anonymous = agent.s3(signature_version=UNSIGNED)

    def client(self, **key: Any) -> Any:
        """A client with a new key: the fields of KeyRequest."""
        new = self.keys.create(KeyRequest(f"key-{uuid.uuid4().hex[:8]}", **key))
        return self._agent.s3(key=(new.access_key_id, new.secret_access_key))

    def bucket(self, client: Any = None, **members: Any) -> str:
        """A new bucket, of main by default."""
        name = f"access-{uuid.uuid4().hex[:12]}"
        (client or self.main).create_bucket(Bucket=name, **members)
        return name

    def policy(self, bucket: str, *statements: dict[str, Any]) -> None:
        """Put the policy of a bucket of main."""
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        self.main.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def allow(action: str | list[str], *resources: str, **more: Any) -> dict[str, Any]:
    """A statement that allows everyone; resources: names of buckets and keys, bucket/key."""
    return statement("Allow", action, *resources, **more)


def statement(effect: str, action: str | list[str], *resources: str, **more: Any) -> dict[str, Any]:
    """A statement about everyone, unless more says otherwise."""
    arns = [f"arn:aws:s3:::{resource}" for resource in resources]
    return {"Effect": effect, "Principal": "*", "Action": action, "Resource": arns, **more}


def outcome(call: Callable[..., Any], **members: Any) -> str:
    """ "ok", or the code of the error."""
    try:
        answer = call(**members)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    if "Body" in answer:
        answer["Body"].read()
    return "ok"


def with_headers(client: Any, operation: str, **headers: str) -> Callable[..., Any]:
    """The method of a client with further headers."""

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"].update({name.replace("_", "-"): v for name, v in headers.items()})

    def call(**members: Any) -> Any:
        event = f"before-call.s3.{operation}"
        client.meta.events.register(event, add)
        try:
            snake = "".join("_" + c.lower() if c.isupper() else c for c in operation)[1:]
            return getattr(client, snake)(**members)
        finally:
            client.meta.events.unregister(event, add)

    return call
