"""Conditional writes to a remote that ignores their conditions: they are evaluated here, by HEAD.

The writes of a key go one after another, so that the clients of this agent cannot overwrite one
another. Other writers to the remote can, which the status shows. A remote that is known to evaluate
a condition (capability_prober.py) gets the write unchanged; while that is not known, both the agent
and the remote evaluate it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.keyed_lock import KeyedLock
from s3d.agent.core.store import Answer, Layer
from s3d.agent.s3.conditions import check_delete, check_write
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.remote.capabilities import Capabilities
from s3d.agent.stores.remote.capability_prober import CapabilityProber
from s3d.agent.stores.remote.direct_call import settled

_CAPABILITY_FOR: Mapping[str, Mapping[str, str]] = {
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
"""Operation -> condition -> the capability of a remote that evaluates it."""

_ALL = frozenset(name for row in _CAPABILITY_FOR.values() for name in row.values())
_HEAD_MEMBERS = ("Bucket", "Key", "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")


class ConditionalWrites(Layer):
    """Evaluates conditions of writes, where the remote may not."""

    def __init__(self, inner: CapabilityProber) -> None:
        super().__init__(inner)
        self._prober = inner
        self._key_locks = KeyedLock()

    def fallback(self, request: S3Request[Any]) -> Answer:
        needs = _CAPABILITY_FOR.get(request.op.name)
        if needs is None:
            return self.inner.call(request)
        needed = {by for name, by in needs.items() if request.input.get(name) is not None}
        if needed:
            self._prober.watch(request.bucket)
        elif not self._prober.is_watched(request.bucket):
            return self.inner.call(request)
        known = self._prober.known_of(request.bucket)
        if known is not None and _supports(known, needed or _ALL):
            return self.inner.call(request)
        return self._in_turn(request, known, conditional=bool(needed))

    async def _in_turn(
        self, request: S3Request[Any], known: Capabilities | None, *, conditional: bool
    ) -> S3Response[Any]:
        async with self._key_locks.hold((request.bucket, request.key)):
            if conditional:
                await self._evaluate(request, known)
            response = await self.inner.call(request)
            if request.op.name == "CompleteMultipartUpload":
                return await settled(
                    request.op, response
                )  # its status arrives before the upload is completed
            return response

    async def _evaluate(self, request: S3Request[Any], known: Capabilities | None) -> None:
        """Raises PreconditionFailed or another error of a condition; the error of HEAD."""
        members: Members = {name: request.input.get(name) for name in _HEAD_MEMBERS}
        check = check_delete if request.op.name == "DeleteObject" else check_write
        try:
            response = await S3Client(self.inner, request.context).call("HeadObject", members)
        except S3Error as error:
            if error.status == 404:
                check(request.input, None)
            elif known is not None or classify(error) is not FailureClass.DENIED:
                raise
            return  # without the permission to read, the remote has to evaluate the condition
        head = response.output
        modified = head["LastModified"].timestamp()
        check(request.input, (head["ETag"], modified, head["ContentLength"]))


def _supports(known: Capabilities, needed: Iterable[str]) -> bool:
    return all(getattr(known, name) for name in needed)
