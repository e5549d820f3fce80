"""The one check that every answer of the remote passes, whichever way it was asked.

1. The headers that this remote always sends prove the answer: nothing else is read or asked.
2. Else the beginning of its document may prove it; then the remote's headers are learnt from it.
3. Else one listing settles it: it teaches the headers of a remote that has never been asked, or it
   shows that what the answer says is true. Where the listing is not the remote's either, the remote
   is away; where it is, another server answered this one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.messages import Answer, Call
from s3d.agent.stores.remote.proving_request import proving_call, question_of, read_listing
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.remote.response_proof import (
    Evidence,
    Listed,
    Proof,
    Question,
    describe,
    identity_marks,
    is_confirmed,
    is_decided,
    prove,
)

MAX_LISTING = 16 * 1024 * 1024
"""Bytes of the listing: far more than ListBuckets has for 10,000 buckets."""

Ask = Callable[[Call], Awaitable[Answer]]


class ResponseVerifier:
    """Knows the headers of one remote. Belongs to the loop."""

    def __init__(self, signature: RemoteFingerprint, ask: Ask) -> None:
        """ask: sends the proving request; raises S3Error when its answer is not proven."""
        self.signature = signature
        self._ask = ask
        self._first = asyncio.Lock()

    async def check(self, call: Call, answer: Answer, *, settles: bool = True) -> None:
        """Return for an answer that is the remote's; its body is where it was.

        settles: ask for a listing where the answer alone proves nothing. Raises Unreachable:
        UNPROVEN or INTERCEPTED.
        """
        marks = self.signature.marks
        if marks and marks <= identity_marks(answer.by_name):
            return
        document = answer.document
        if answer.refusal is None:
            document = await answer.body.peek(is_decided)
            if b"<Error" in document:  # its Code counts, so all of it is needed
                document = await answer.body.peek(lambda read: len(read) >= MAX_LISTING)
        await self.judge(call, Evidence(answer.status, answer.by_name, document), settles=settles)

    async def judge(self, call: Call, evidence: Evidence, *, settles: bool = True) -> None:
        """The same for an answer whose beginning has been read already."""
        question = question_of(call)
        match prove(question, evidence, self.signature.marks):
            case Proof.HEADERS:
                return
            case Proof.DOCUMENT:
                if self.signature.learn(evidence.headers):
                    await asyncio.to_thread(self.signature.save)
                return
        if not settles:
            raise _answered_by_another(Reason.UNPROVEN, evidence)
        if not self.signature.is_known:
            async with self._first:  # one listing teaches the headers to all that wait here
                if prove(question, evidence, self.signature.marks):
                    return
                listed = await self._list(call, question, evidence)
        else:
            listed = await self._list(call, question, evidence)
        marks = self.signature.marks
        if prove(question, evidence, marks) is not None:
            return
        if not is_confirmed(question, evidence, listed, has_marks=bool(marks)):
            raise _answered_by_another(Reason.INTERCEPTED, evidence)

    async def _list(self, call: Call, question: Question, evidence: Evidence) -> Listed:
        """Raises Unreachable UNPROVEN when this cannot be asked either."""
        asking = proving_call(call, question)
        try:
            answer = await self._ask(asking)
            document = answer.document
            if answer.refusal is None:
                async with aclosing(answer.body):
                    document = await answer.body.read(MAX_LISTING)
        except S3Error as error:
            raise _answered_by_another(Reason.UNPROVEN, evidence) from error
        return read_listing(question, asking, answer, document)


def _answered_by_another(reason: Reason, evidence: Evidence) -> Unreachable:
    return Unreachable(reason, describe(evidence), sent=True, status=evidence.status)
