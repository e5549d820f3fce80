"""Event notifications of buckets: their configuration, and the events of each change.

An event is a row of the index in the same commit as the change; stores/notifications delivers it.
Whether a bucket has a configuration is a field of its record, so that other buckets pay one test.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import lru_cache, partial
from typing import Any

import msgspec
from msgspec.structs import replace

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.event_message import Event
from s3d.agent.s3.event_names import TEST
from s3d.agent.s3.messages import Members, RequestContext, S3Request, S3Response
from s3d.agent.s3.notification_rules import Rule, check, probed_targets, rules_of
from s3d.agent.storage.bucket_access import canonical_id
from s3d.agent.storage.event_rows import add_event
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import BucketRecord, ObjectRecord
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import decode_setting, find_bucket
from s3d.agent.stores.local.setting_rules import check_elements

NOTIFICATION = "notification"
"""Name of the setting: the query word of its operations."""
_S3_ITSELF = "s3.amazonaws.com"
"""The principal of what no request has caused: lifecycle rules."""


class EventRecorder:
    """Enters the events of a change, inside its action."""

    def __init__(self, clock: Callable[[], float], arns: Collection[str] = ()) -> None:
        """clock: Unix seconds, for the time of events. arns: of the targets that exist."""
        self._clock = clock
        self.arns = frozenset(arns)
        self.on_recorded: Callable[[], None] = lambda: None
        """Called on the loop when new events are durable."""

    def record(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        name: str,
        record: ObjectRecord,
        context: RequestContext,
        *,
        is_removed: bool = False,
    ) -> None:
        """Enter an event about a version of an object for each target that wants it.

        name: of event_names.py. is_removed: the version or its key is gone, and has no size.
        """
        value = tx.setting(bucket.name, NOTIFICATION)
        chosen = [rule for rule in _rules(value or b"") if rule.selects(name, record.key)]
        if not chosen:
            return
        event = Event(
            name=name,
            time=self._clock(),
            bucket=bucket.name,
            bucket_owner=canonical_id(bucket.owner),
            region=bucket.region,
            key=record.key,
            size=None if is_removed else record.size,
            etag="" if is_removed else record.etag,
            version_id=record.version_id if bucket.versioning else "",
            principal_id=_principal_id(context),
            source_address=context.client_address,
            request_id=context.request_id,
        )
        for rule in chosen:
            id = self._add(tx, rule.target, replace(event, configuration_id=rule.id))
            if not event.sequencer:
                event = replace(event, sequencer=id)

    def record_test(
        self, tx: Transaction, bucket: str, target: str, context: RequestContext
    ) -> None:
        """Enter the test message that follows a new configuration."""
        event = Event(TEST, self._clock(), bucket, request_id=context.request_id)
        self._add(tx, target, event)

    def _add(self, tx: Transaction, target: str, event: Event) -> int:
        tx.on_commit(self._recorded)
        # Its age is that of the machine's clock: a clock of the store that is moved expires none.
        return add_event(tx, target, time.time(), event)

    def _recorded(self) -> None:
        self.on_recorded()


class NotificationOps:
    """Handlers of the notification configuration."""

    def __init__(self, index: Index, recorder: EventRecorder) -> None:
        self._index = index
        self._recorder = recorder

    @operation("PutBucketNotificationConfiguration")
    async def put_notification(self, request: S3Request[Members]) -> S3Response[Members]:
        """Replace the configuration; an empty one removes it.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
        """
        check_elements(request)
        given = request.input.get("NotificationConfiguration")
        if given is None:
            raise S3Error("MalformedXML")
        configuration = _with_ids(given, request.context.request_id)
        check(configuration, self._recorder.arns)
        await self._index.write(partial(self._put, request, configuration))
        return S3Response({})

    @operation("GetBucketNotificationConfiguration")
    def get_notification(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> bytes | None:
            return reader.setting(find_bucket(reader, request.bucket).name, NOTIFICATION)

        stored = self._index.read_inline(look)
        return Completed(S3Response({} if stored is None else decode_setting(stored)))

    def _put(self, request: S3Request[Members], configuration: Members, tx: Transaction) -> None:
        bucket = find_bucket(tx, request.bucket)
        value = msgspec.msgpack.encode(configuration) if configuration else None
        tx.put_setting(bucket.name, NOTIFICATION, value)
        notifies = bool(rules_of(configuration))
        if bucket.notifies != notifies:
            tx.put_bucket(replace(bucket, notifies=notifies))
        if request.input.get("SkipDestinationValidation"):
            return
        for target in probed_targets(configuration):
            self._recorder.record_test(tx, bucket.name, target, request.context)


@lru_cache(64)
def _rules(value: bytes) -> tuple[Rule, ...]:
    """The rules of a stored configuration, by its bytes: a new one is another."""
    return rules_of(decode_setting(value)) if value else ()


def _with_ids(given: Any, request_id: str) -> Members:
    """The configuration with an Id for each that has none, as S3 assigns them."""
    configuration: Members = {}
    for kind, value in given.items():
        if isinstance(value, list):
            value = [
                {"Id": f"{request_id}-{kind[0]}{number}", **one} for number, one in enumerate(value)
            ]
        configuration[kind] = value
    return {kind: value for kind, value in configuration.items() if value != []}


def _principal_id(context: RequestContext) -> str:
    principal = context.principal
    if principal is None:
        return _S3_ITSELF
    return "Anonymous" if principal.is_anonymous else f"AWS:{principal.access_key_id}"
