"""Access control of the embedded store: refuses what the caller may not do.

1. The agent's own calls, which have no principal, are passed on.
2. A caller with an unrestricted key, in a bucket of its own that has neither a policy nor objects
   of other accounts, may do everything: the request is passed on after one look into a dictionary.
3. Authorization decides about everything else, from the index and without a wait. The body of the
   request is not read before, so a client that waits for `100 Continue` sends none in vain.
4. Each key of DeleteObjects is decided on its own, and so are the tags and the lock of an object
   that is read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from s3d.agent.core.store import Answer, Completed, Layer, ObjectStore, operation
from s3d.agent.s3.actions import Need
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.principal import Principal
from s3d.agent.stores.access.authorization import Authorization
from s3d.agent.stores.access.delete_objects import delete_permitted

_LOOKED_AT = frozenset({"CopySource", "ExpectedBucketOwner", "RenameSource"})
"""Members that name a second bucket, or demand something of the owner."""

_DECIDED_BY_DOCUMENT = frozenset(
    {"CreateBucket", "PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging"}
)
"""Operations whose documents give values to condition keys."""


class AccessLayer(Layer):
    """Decides about each request, with 403 AccessDenied for what the caller may not do."""

    admits_anonymous = True
    """Requests without a signature come here, and policies and lists decide about them."""

    def __init__(self, inner: ObjectStore, authorization: Authorization) -> None:
        super().__init__(inner)
        self._authorization = authorization

    def call(self, request: S3Request[Any]) -> Answer:
        principal = request.context.principal
        if principal is None or self._is_plain(request, principal):
            return self.inner.call(request)
        return super().call(request)

    def fallback(self, request: S3Request[Any]) -> Answer:
        self._check(request)
        return self.inner.call(request)

    def authorize(self, request: S3Request[Any]) -> None:
        """Raises S3Error AccessDenied unless the caller may make the request.

        call() decides about conditions on the document, and about each key of DeleteObjects.
        """
        name, principal = request.op.name, request.context.principal
        if principal is not None and name == "DeleteObjects":
            self._authorization.check_deletes(request, principal)
        elif name not in _DECIDED_BY_DOCUMENT or not self._has_conditions(request):
            self._check(request)

    def _has_conditions(self, request: S3Request[Any]) -> bool:
        """Whether a policy decides, which can look at anything in the request."""
        principal = request.context.principal
        access = self._authorization.bucket(request.input.get("Bucket", ""))
        is_of_session = principal is not None and bool(principal.session_policies)
        return is_of_session or (access is not None and access.policy is not None)

    def _check(self, request: S3Request[Any]) -> None:
        principal = request.context.principal
        if principal is None or self._is_plain(request, principal):
            return
        if not request.op.name:  # answered with 501, which tells nothing
            if principal.is_anonymous:
                raise S3Error("AccessDenied")
            return
        self._authorization.check(request, principal)

    @operation("GetObject", "HeadObject")
    def read(self, request: S3Request[Members]) -> Answer:
        """Without what the caller may not see of the object."""
        self._check(request)
        answer, principal = self.inner.call(request), request.context.principal
        assert principal is not None
        if isinstance(answer, Completed):
            return Completed(self._shown(request, principal, answer.response))
        return self._shown_later(request, principal, answer)

    async def _shown_later(
        self, request: S3Request[Members], caller: Principal, answer: Answer
    ) -> S3Response[Any]:
        return self._shown(request, caller, await answer)

    def _shown(
        self, request: S3Request[Members], caller: Principal, response: S3Response[Any]
    ) -> S3Response[Any]:
        hidden = self._authorization.hidden_members(request, caller, response.output)
        if not hidden:
            return response
        output = {name: value for name, value in response.output.items() if name not in hidden}
        return replace(response, output=output, rendered_headers=None)

    @operation("DeleteObjects")
    def delete_objects(self, request: S3Request[Members]) -> Answer:
        principal, authorization = request.context.principal, self._authorization
        assert principal is not None
        authorization.check_expected_owner(request)

        def is_permitted(need: Need) -> bool:
            return authorization.decide(need, request, principal).allowed

        return delete_permitted(self.inner, request, is_permitted)

    def _is_plain(self, request: S3Request[Any], principal: Principal) -> bool:
        if principal.is_restricted:
            return False
        access = self._authorization.bucket(request.input.get("Bucket", ""))
        return (
            access is not None
            and access.is_plain
            and access.owner == principal.owner
            and _LOOKED_AT.isdisjoint(request.input)
        )
