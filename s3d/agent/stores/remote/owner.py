"""Whose an access key is: the owner id that ListBuckets answers with, asked with that very key.

It has a connection of its own, because the key may not be the one that other requests use.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from s3d.agent.core.failures import FailureClass, Reason, Unreachable, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import operations
from s3d.agent.s3.parse import parse_output
from s3d.agent.stores.remote.credential_provider import CredentialProvider, RemoteKey
from s3d.agent.stores.remote.error_mapping import refused, unreachable
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.messages import Answer, Call
from s3d.agent.stores.remote.remote_connection import Connection
from s3d.agent.stores.remote.response_proof import root_of

PATIENCE = 5.0
"""Seconds for the whole question."""
MAX_DOCUMENT = 8 << 20
"""Bytes of the answer: servers that ignore max-buckets list all buckets."""
ROOT = "ListAllMyBucketsResult"

_REFUSED = (FailureClass.DENIED, FailureClass.PERMANENT)


async def owner_of(settings: Settings, key: RemoteKey, region: str) -> str:
    """The owner id; "" when the remote refuses to list buckets, or names no owner.

    Raises S3Error when the remote cannot be asked: it is away, something else answers in its place,
    or it does not accept the key.
    """
    connection = Connection(settings, CredentialProvider(region=region, key=key))
    op = operations()["ListBuckets"]
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await connection.ask(Call(op, "GET", raw_query="max-buckets=1"))
            if answer.refusal is not None:
                error = refused(op, answer.refusal)
                if classify(error) in _REFUSED and answer.refusal.code:
                    return ""
                raise error
            document = await _read(answer)
    except TimeoutError:
        cause = Unreachable(Reason.TIMEOUT, f"no answer within {PATIENCE:.0f} s", sent=True)
        raise unreachable(settings.url, cause) from cause
    finally:
        await connection.close()
    try:
        if root_of(document) != ROOT:
            raise ValueError("it is no list of buckets")
        output = parse_output(op, answer.status, answer.headers, document)
    except ValueError as error:
        cause = Unreachable(Reason.LOST, f"the answer makes no sense: {error}", sent=True)
        raise unreachable(settings.url, cause) from cause
    return str((output.get("Owner") or {}).get("ID") or "")


async def _read(answer: Answer) -> bytes:
    data = bytearray()
    async with aclosing(answer.body) as body:
        async for chunk in body:
            data += chunk
            if len(data) > MAX_DOCUMENT:
                raise S3Error("InternalError", "The remote's answer is too long.")
    return bytes(data)
