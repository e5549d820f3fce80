"""The configurations of which a bucket has several, by Id: analytics, inventory, metrics, tiering.

Each is a setting named "query word/Id". Stored and returned; inventory.py acts on one family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.inventory_report import check_destination, destination_of
from s3d.agent.s3.listing import decode_token, encode_token
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.model import service
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import find_bucket, find_destination
from s3d.agent.stores.local.setting_rules import checked_payload_of

FAMILIES = ("Analytics", "IntelligentTiering", "Inventory", "Metrics")
"""As the operations are called: PutBucket...Configuration, ListBucket...Configurations."""

PAGE = 100
"""Maximum number of configurations in one List response."""

MAX_CONFIGURATIONS = 1000
"""Of one family in one bucket.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketInventoryConfiguration.html
"""

_OTHER_ID = {
    "PutBucketInventoryConfiguration": "IdMismatch",
    "PutBucketMetricsConfiguration": "IdMismatch",
}
"""Operation -> error when the query and the document have two Ids; MalformedXML in the others."""

INVENTORY = "inventory/"
"""What the names of the settings of inventories begin with."""
START = "inventory-start/"
"""Setting START + Id: when the period of the next report begins, in Unix seconds."""

_decode: Callable[[bytes], Members] = msgspec.msgpack.Decoder(Members).decode


class ConfigurationOps:
    """Handlers of configurations with an Id."""

    def __init__(self, index: Index, clock: Callable[[], float]) -> None:
        """clock: Unix seconds."""
        self._index = index
        self._clock = clock

    @operation(*(f"PutBucket{family}Configuration" for family in FAMILIES))
    async def put_configuration(self, request: S3Request[Members]) -> S3Response[Members]:
        value = checked_payload_of(request)
        if value["Id"] != request.input["Id"]:
            raise S3Error(_OTHER_ID.get(request.op.name, "MalformedXML"))
        if _setting(request, "") == INVENTORY:
            check_destination(value)
        kept = msgspec.msgpack.encode(value)

        def put(tx: Transaction) -> None:
            record = find_bucket(tx, request.bucket)
            bucket = record.name
            if _setting(request, "") == INVENTORY:
                find_destination(tx, record, destination_of(value))
            others = _ids(request, tx.settings(bucket)) - {value["Id"]}
            if len(others) >= MAX_CONFIGURATIONS:
                raise S3Error("TooManyConfigurations")
            tx.put_setting(bucket, _setting(request, value["Id"]), kept)
            if _setting(request, "") == INVENTORY:
                tx.put_setting(bucket, START + value["Id"], msgspec.msgpack.encode(self._clock()))

        await self._index.write(put)
        return S3Response({})

    @operation(*(f"GetBucket{family}Configuration" for family in FAMILIES))
    def get_configuration(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> bytes | None:
            bucket = find_bucket(reader, request.bucket).name
            return reader.setting(bucket, _setting(request, request.input["Id"]))

        kept = self._index.read_inline(look)
        if kept is None:
            raise S3Error("NoSuchConfiguration")
        payload = str(service().output_of(request.op.name).payload)
        return Completed(S3Response({payload: _decode(kept)}))

    @operation(*(f"DeleteBucket{family}Configuration" for family in FAMILIES))
    async def delete_configuration(self, request: S3Request[Members]) -> S3Response[Members]:
        name = _setting(request, request.input["Id"])

        def delete(tx: Transaction) -> None:
            bucket = find_bucket(tx, request.bucket).name
            if tx.setting(bucket, name) is None:
                raise S3Error("NoSuchConfiguration")
            tx.put_setting(bucket, name, None)
            if _setting(request, "") == INVENTORY:
                tx.put_setting(bucket, START + request.input["Id"], None)

        await self._index.write(delete)
        return S3Response({})

    @operation(*(f"ListBucket{family}Configurations" for family in FAMILIES))
    async def list_configurations(self, request: S3Request[Members]) -> S3Response[Members]:
        token = request.input.get("ContinuationToken")
        after = b"" if token is None else decode_token(token)

        def find(reader: Reader) -> list[tuple[str, bytes]]:
            kept = reader.settings(find_bucket(reader, request.bucket).name)
            ids = sorted(id for id in _ids(request, kept) if id.encode() > after)
            return [(id, kept[_setting(request, id)]) for id in ids[: PAGE + 1]]

        found = await self._index.read_in_thread(find)
        output: Members = {"IsTruncated": len(found) > PAGE}
        if token is not None:
            output["ContinuationToken"] = token
        if len(found) > PAGE:
            output["NextContinuationToken"] = encode_token(found[PAGE - 1][0].encode())
        output[_list_member(request)] = [_decode(kept) for _, kept in found[:PAGE]]
        return S3Response(output)


def _setting(request: S3Request[Members], id: str) -> str:
    return f"{request.op.subresource}/{id}"


def _ids(request: S3Request[Members], settings: Iterable[str]) -> set[str]:
    """The Ids among the names of settings that belong to the family of the request."""
    family = _setting(request, "")
    return {name.removeprefix(family) for name in settings if name.startswith(family)}


def _list_member(request: S3Request[Members]) -> str:
    """The member of the response with the configurations."""
    members = service().output_of(request.op.name).members
    return next(name for name in members if name.endswith("ConfigurationList"))
