"""Faults on demand: which requests fail, and how; and the layer in which they do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec.structs import replace

from s3d.agent.core.store import Answer, ConnectionDropped, Layer, ObjectStore
from s3d.agent.s3.errors import ERRORS, S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.shared.testing import MAX_DELAY, Fault, FaultSpec

MAX_FAULTS = 1_000


class Outcome(NamedTuple):
    """What happens to a request, in this order."""

    delay: float = 0.0
    """Seconds."""
    error: str = ""
    """Error code; "": it is carried out, unless the connection is closed."""
    close: bool = False


class _Rule:
    """A fault with its own random numbers, so that faults do not depend on one another."""

    def __init__(self, number: int, spec: FaultSpec) -> None:
        self.fault = Fault(number, spec)
        self._random = random.Random(spec.seed)

    @property
    def is_over(self) -> bool:
        times = self.fault.spec.times
        return times is not None and self.fault.failed >= times

    def matches(self, operation: str, bucket: str, key: str) -> bool:
        spec = self.fault.spec
        return (
            spec.operation in ("", operation)
            and spec.bucket in ("", bucket)
            and key.startswith(spec.prefix)
        )

    def strikes(self) -> bool:
        """Whether it concerns a request that it matches. Counts."""
        is_hit = not self.is_over and self._random.random() < self.fault.spec.rate
        failed = self.fault.failed + is_hit
        self.fault = replace(self.fault, matched=self.fault.matched + 1, failed=failed)
        return is_hit


class Faults:
    """Adds, lists and removes faults, and decides about requests."""

    def __init__(self) -> None:
        self._rules: dict[int, _Rule] = {}
        self._last = 0

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __iter__(self) -> Iterator[Fault]:
        return (rule.fault for rule in self._rules.values())

    def add(self, spec: FaultSpec) -> Fault:
        """Raises ValueError, which says what is expected."""
        _check(spec)
        if len(self._rules) >= MAX_FAULTS:
            raise ValueError(f"there are {MAX_FAULTS:,} faults already: s3d fault rm --all")
        self._last += 1
        rule = self._rules[self._last] = _Rule(self._last, spec)
        return rule.fault

    def remove(self, number: int) -> bool:
        """False: there is none of that number."""
        return self._rules.pop(number, None) is not None

    def clear(self) -> None:
        self._rules.clear()

    def outcome(self, operation: str, bucket: str, key: str) -> Outcome | None:
        """What happens to a request; None: nothing.

        All faults that match it see it. Their delays add up, and the first error or close counts.
        """
        struck = [
            rule.fault.spec
            for rule in self._rules.values()
            if rule.matches(operation, bucket, key) and rule.strikes()
        ]
        if not struck:
            return None
        end = next((spec for spec in struck if spec.error or spec.close), FaultSpec())
        return Outcome(sum(spec.delay for spec in struck), end.error, end.close)


class FaultLayer(Layer):
    """Delays, refuses and cuts off the requests that the faults in force choose.

    Only the S3 endpoint of a store made for tests calls it: the commands of s3d and the agent's own
    work call the layer below and never fail because of it.
    """

    def __init__(self, inner: ObjectStore, faults: Faults) -> None:
        super().__init__(inner)
        self._faults = faults

    def fallback(self, request: S3Request[Any]) -> Answer:
        if not self._faults:
            return self.inner.call(request)
        if request.wire is None and request.context.principal is None:
            return self.inner.call(request)  # what the endpoint looks up itself, such as CORS rules
        outcome = self._faults.outcome(request.op.name, request.bucket, request.key)
        if outcome is None:
            return self.inner.call(request)
        return self._fail(request, outcome)

    async def _fail(self, request: S3Request[Any], outcome: Outcome) -> S3Response[Any]:
        if outcome.delay:
            await asyncio.sleep(outcome.delay)
        if outcome.close:
            raise ConnectionDropped
        if outcome.error:
            raise _error(outcome.error, request)
        return await self.inner.call(request)


def _error(code: str, request: S3Request[Any]) -> S3Error:
    """With what AWS names in most errors of an object or a bucket."""
    if request.key:
        return S3Error(code, Key=request.key)
    return S3Error(code, BucketName=request.bucket) if request.bucket else S3Error(code)


def _check(spec: FaultSpec) -> None:
    if spec.operation and spec.operation not in operations():
        raise ValueError(f"S3 has no operation {spec.operation}{_similar(spec.operation)}")
    if spec.error and spec.error not in ERRORS:
        codes = _nearest(spec.error, list(ERRORS))
        raise ValueError(f"S3 has no error {spec.error}{codes}")
    if spec.error and ERRORS[spec.error][0] < 400:
        raise ValueError(f"{spec.error} is no error that a client sees as one")
    if spec.error and spec.close:
        raise ValueError("a fault has an error or closes the connection, not both")
    if not (spec.error or spec.delay or spec.close):
        raise ValueError("say what fails: an error, a delay or a closed connection")
    if not 0 <= spec.delay <= MAX_DELAY:
        raise ValueError(f"a delay is at most {MAX_DELAY:.0f} s")
    if not 0 < spec.rate <= 1:
        raise ValueError("a rate is above 0 and at most 1")
    if spec.times is not None and spec.times < 1:
        raise ValueError("a fault happens at least once")
    if spec.prefix and not spec.bucket:
        raise ValueError("a prefix needs a bucket: BUCKET/PREFIX")


def _similar(name: str) -> str:
    return _nearest(name, list(operations()))


def _nearest(name: str, known: list[str]) -> str:
    import difflib  # needed for errors only

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
