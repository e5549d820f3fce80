"""In front of a remote: the scope of the local keys, for pending and cached answers too.

It is above the write queue and the read cache, so whatever would answer is not reached:

1. The agent's own calls, which have no principal, and callers with an unrestricted key are passed
   on after one test.
2. `needs_of` names the actions that the request needs, a copy those of its source too. The scope of
   the key and the policies of its session have to allow each (access_decision.py).
3. Each key of DeleteObjects is decided on its own.

Policies of buckets and access control lists are the remote's; it sees the agent's one key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from s3d.agent.core.store import Answer, Layer, ObjectStore, operation
from s3d.agent.s3.access_decision import decide_by_key, may_be_denied_by_tags
from s3d.agent.s3.actions import Need, needs_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, WireRequest
from s3d.agent.s3.principal import Principal
from s3d.agent.stores.access.condition_keys import ConditionKeys
from s3d.agent.stores.access.delete_objects import delete_permitted


class KeyScopeLayer(Layer):
    """Refuses what the caller's key does not include, with 403 AccessDenied."""

    admits_anonymous = False
    """Only the remote could grant something to everyone, and it does not see who asks."""

    def __init__(self, inner: ObjectStore, *, clock: Callable[[], float] = time.time) -> None:
        """clock: Unix seconds."""
        super().__init__(inner)
        self._clock = clock

    def call(self, request: S3Request[Any]) -> Answer:
        principal = request.context.principal
        if principal is None or not principal.is_restricted:
            return self.inner.call(request)
        return super().call(request)

    def fallback(self, request: S3Request[Any]) -> Answer:
        self.authorize(request)
        return self.inner.call(request)

    def authorize(self, request: S3Request[Any]) -> None:
        """Raise S3Error AccessDenied unless the key includes all that the request needs.

        An operation that this version does not know needs an action that it does not know either.
        """
        principal, op = request.context.principal, request.op
        if principal is None or not principal.is_restricted:
            return
        if not op.name or (request.wire is not None and _is_ambiguous(request.wire)):
            raise S3Error("AccessDenied")
        if "+" in str(request.input.get("CopySource") or ""):
            # A space for AWS, and itself for other remotes; programs send either encoded.
            raise S3Error("AccessDenied", "Encode the plus sign in x-amz-copy-source as %2B.")
        if _is_extracted(request.input) and _is_limited_to_keys(principal):
            raise S3Error("AccessDenied")
        for need in needs_of(op.name, op.scope, request.input):
            if not self._allows(principal, need, request):
                raise S3Error("AccessDenied")

    @operation("DeleteObjects")
    def delete_objects(self, request: S3Request[Members]) -> Answer:
        principal = request.context.principal
        assert principal is not None, "call() passes the agent's own requests on"
        return delete_permitted(
            self.inner, request, lambda need: self._allows(principal, need, request)
        )

    def _allows(self, principal: Principal, need: Need, request: S3Request[Any]) -> bool:
        keys = ConditionKeys(
            request,
            now=self._clock(),
            account=principal.account_id,
            version_id=need.version_id,
            if_match=need.if_match,
        )
        decision = decide_by_key(need, principal, keys)
        if decision.allowed and may_be_denied_by_tags(need, principal, keys):
            return False
        # Only the remote knows whether a source has annotations; hardly any remote has some.
        return decision.allowed or (need.of_annotations and not decision.is_explicit)


def _is_ambiguous(wire: WireRequest) -> bool:
    """Whether something is named twice, so that the remote may read another value than s3d does.

    The remote gets the request as it came; one may take the first, another the last. A semicolon
    separates parameters for some servers, so clients send it encoded.
    """
    if ";" in wire.raw_query:
        return True
    words = [unquote(part.partition("=")[0]) for part in wire.raw_query.split("&") if part]
    names = [name for name, _ in wire.headers if name in _DECISIVE]
    return len({word.lower() for word in words}) < len(words) or len(set(names)) < len(names)


_DECISIVE = frozenset({"x-amz-copy-source", "x-amz-rename-source"})
"""Headers that name another object."""


def _is_extracted(input: Members) -> bool:
    """Whether a remote may extract the object, an archive, into its bucket.

    The objects in it have keys of their own: https://github.com/minio/minio/issues/20883
    """
    return any(name.lower() == _EXTRACTED for name in input.get("Metadata") or ())


def _is_limited_to_keys(principal: Principal) -> bool:
    """Whether the principal may not write every key of its bucket."""
    scope = principal.scope
    return bool(principal.session_policies) or (scope is not None and bool(scope.prefix))


_EXTRACTED = "snowball-auto-extract"
"""Name of the user metadata that asks for it."""
