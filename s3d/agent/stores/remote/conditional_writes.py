"""Conditional writes to a remote that ignores their conditions: judged here, by what HEAD says.

Meanwhile a key is written once at a time, so the clients of this agent are kept apart. Whoever
writes to the remote in another way is not, and the status says so. A remote that is known to judge
(probing.py) has none of this; as long as it is not known, its own judgement comes on top.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.keyed_lock import KeyedLock
from s3d.agent.core.store import Answer, Layer
from s3d.agent.s3.conditions import check_delete, check_write
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.capabilities import Capabilities
from s3d.agent.stores.remote.capability_prober import CapabilityProber
from s3d.agent.stores.remote.direct_call import settled

_JUDGES: Mapping[str, Mapping[str, str]] = {
    "PutObject": {"IfNoneMatch": "put_if_absent", "IfMatch": "put_if_match"},
    "CopyObject": {"IfNoneMatch": "copy_if_absent", "IfMatch": "copy_if_absent"},
    "CompleteMultipartUpload": {
        "IfNoneMatch": "complete_if_absent",
        "IfMatch": "complete_if_match",
    },
    "DeleteObject": {
        "IfMatch": "delete_if_match",
        "IfMatchLastModifiedTime": "delete_if_match",
        "IfMatchSize": "delete_if_match",
    },
}
"""Operation -> condition -> the capability by which the remote judges it."""

_ALL = frozenset(name for row in _JUDGES.values() for name in row.values())
_OF_HEAD = ("Bucket", "Key", "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")


class ConditionalWrites(Layer):
    """Asks before it lets a conditional write pass, where that is needed."""

    def __init__(self, inner: CapabilityProber) -> None:
        super().__init__(inner)
        self._prober = inner
        self._key_locks = KeyedLock()

    def fallback(self, request: S3Request[Any]) -> Answer:
        judges = _JUDGES.get(request.op.name)
        if judges is None:
            return self.inner.call(request)
        needed = {by for name, by in judges.items() if request.input.get(name) is not None}
        if needed:
            self._prober.watch(request.bucket)
        elif not self._prober.is_watched(request.bucket):
            return self.inner.call(request)
        known = self._prober.known_of(request.bucket)
        if known is not None and _does(known, needed or _ALL):
            return self.inner.call(request)
        return self._in_turn(request, known, conditional=bool(needed))

    async def _in_turn(
        self, request: S3Request[Any], known: Capabilities | None, *, conditional: bool
    ) -> S3Response[Any]:
        async with self._key_locks.hold((request.bucket, request.key)):
            if conditional:
                await self._judge(request, known)
            response = await self.inner.call(request)
            if request.op.name == "CompleteMultipartUpload":
                return await settled(request.op, response)  # its head comes before the deed
            return response

    async def _judge(self, request: S3Request[Any], known: Capabilities | None) -> None:
        """Raises PreconditionFailed and its like; what HEAD is refused with."""
        members: Members = {name: request.input.get(name) for name in _OF_HEAD}
        check = check_delete if request.op.name == "DeleteObject" else check_write
        try:
            response = await self.inner.call(S3Request(operations()["HeadObject"], members))
        except S3Error as error:
            if error.status == 404:
                check(request.input, None)
            elif known is not None or classify(error) is not FailureClass.DENIED:
                raise
            return  # who may not look has to believe the remote, until it is known better
        head = response.output
        modified = head["LastModified"].timestamp()
        check(request.input, (head["ETag"], modified, head["ContentLength"]))


def _does(known: Capabilities, needed: Iterable[str]) -> bool:
    return all(getattr(known, name) for name in needed)
