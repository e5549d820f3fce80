"""Listings that the agent asks for: one signed request a page, at a sixth of what aioboto3 takes.

Keys come percent-encoded, since XML has no control characters, and are decoded here, as boto3 does.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.remote import direct_call
from s3d.agent.stores.remote.remote_connection import Connection

OPERATIONS = frozenset(("ListObjectsV2",))

_ENCODED = ("Prefix", "Delimiter", "StartAfter")


async def ask(connection: Connection, request: S3Request[Any], hops: str) -> S3Response[Any]:
    """The page in members. Raises S3Error as every store does."""
    if request.input.get("EncodingType"):
        return await direct_call.ask(connection, request, hops)
    encoded = request.replace(input={**request.input, "EncodingType": "url"})
    response = await direct_call.ask(connection, encoded, hops)
    if response.output.pop("EncodingType", "") == "url":
        _decode(response.output)
    return response


def _decode(output: Members) -> None:
    for name in _ENCODED:
        if name in output:
            output[name] = unquote_plus(output[name])
    for row in output.get("Contents", ()):
        row["Key"] = unquote_plus(row["Key"])
    for row in output.get("CommonPrefixes", ()):
        row["Prefix"] = unquote_plus(row["Prefix"])
