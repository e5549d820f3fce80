"""Say something else of a version that is there: its data, number and time stay as they are."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from s3d.agent.storage.records import BucketRecord, Description, ObjectRecord, Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import find_version


def update_metadata(
    tx: Transaction,
    bucket: BucketRecord,
    key: str,
    version_id: str | None,
    change: Callable[[Description], Description],
) -> ObjectRecord:
    """Of the named version, or the current one. Raises what find_version raises."""
    record, layout = find_version(tx, bucket, key, version_id)
    revised = Stored(replace(record, description=change(record.description)), layout)
    current = tx.current(bucket.name, key.encode())
    if current is not None and current.record.seq == record.seq:
        tx.put_current(bucket.name, revised, record)
    else:
        tx.drop_version(bucket.name, record)
        tx.put_version(bucket.name, revised)
    return revised.record
