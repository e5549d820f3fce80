"""The account of an access key: the owner id in the response of ListBuckets.

It has a connection of its own, because the key need not be the one that other requests use.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
"""

from __future__ import annotations

import asyncio

from s3d.agent.core.failures import FailureClass, Reason, Unreachable, classify
from s3d.agent.s3.model import operations
from s3d.agent.s3.parse import parse_output
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.error_mapping import refused, unreachable
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_connection import RemoteConnection
from s3d.agent.stores.remote.remote_messages import RemoteRequest, read_document
from s3d.agent.stores.remote.response_proof import root_of
from s3d.agent.stores.remote.static_credentials import RemoteKey

TIMEOUT = 5.0
"""Seconds for the whole call."""
MAX_DOCUMENT = 8 << 20
"""Bytes of the document: servers that ignore max-buckets list all buckets."""
ROOT = "ListAllMyBucketsResult"

_REFUSED = (FailureClass.DENIED, FailureClass.PERMANENT)


async def owner_of(settings: Settings, key: RemoteKey, region: str) -> str:
    """The owner id; "" when the remote refuses to list buckets, or names no owner.

    Raises S3Error when the remote is unreachable or does not accept the key, or when another server
    responds in its place.
    """
    connection = RemoteConnection(settings, CredentialProvider(region=region, key=key))
    op = operations()["ListBuckets"]
    try:
        async with asyncio.timeout(TIMEOUT):
            response = await connection.send(RemoteRequest(op, "GET", raw_query="max-buckets=1"))
            if response.refusal is not None:
                error = refused(op, response.refusal)
                if classify(error) in _REFUSED and response.refusal.code:
                    return ""
                raise error
            document = await read_document(response.body, MAX_DOCUMENT)
    except TimeoutError:
        cause = Unreachable(Reason.TIMEOUT, f"no answer within {TIMEOUT:.0f} s", sent=True)
        raise unreachable(settings.url, cause) from cause
    finally:
        await connection.close()
    try:
        if root_of(document) != ROOT:
            raise ValueError("it is not a list of buckets")
        output = parse_output(op, response.status, response.headers, document)
    except ValueError as error:
        cause = Unreachable(Reason.LOST, f"the response is invalid: {error}", sent=True)
        raise unreachable(settings.url, cause) from cause
    return str((output.get("Owner") or {}).get("ID") or "")
