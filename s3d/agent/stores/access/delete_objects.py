"""DeleteObjects for a caller that may delete some of its keys only.

Each key is decided on its own: those that are permitted are passed on, and each other one becomes
an error of its own in the answer.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.actions import Need, delete_needs
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response

_PASSED_ON = (
    "Bucket",
    "BypassGovernanceRetention",
    "ExpectedBucketOwner",
    "MFA",
    "RequestPayer",
)
"""Members of DeleteObjects that hold for each of its keys."""


_AT_ONCE = 64
_SLICE = 0.005
"""Keys that are decided, and seconds that this may take, before other requests get their turn: a
decision takes up to 0.1 ms, but a policy of 20 KB with many wildcards 0.2 s."""


async def delete_permitted(
    inner: ObjectStore,
    request: S3Request[Members],
    is_permitted: Callable[[Need], bool],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> S3Response[Members]:
    """Pass the permitted keys on.

    is_permitted: whether the caller may do one thing. clock: seconds.
    """
    bypass = bool(request.input.get("BypassGovernanceRetention"))
    objects: Sequence[Members] = (request.input.get("Delete") or {}).get("Objects") or ()
    permitted, errors = [], []
    turn = clock() + _SLICE
    for number, one in enumerate(objects, 1):
        if number % _AT_ONCE == 0 or clock() > turn:
            await asyncio.sleep(0)
            turn = clock() + _SLICE
        key, version_id = str(one.get("Key") or ""), str(one.get("VersionId") or "")
        etag = str(one.get("ETag") or "")
        needs = delete_needs(request.bucket, key, version_id, bypass=bypass, if_match=etag)
        if all(map(is_permitted, needs)):
            permitted.append(one)
        else:
            errors.append(_error_row(one))
    if not errors:
        return await inner.call(request)
    if not permitted:
        return S3Response({"Errors": errors})
    return await _delete_some(inner, request, permitted, errors)


async def _delete_some(
    inner: ObjectStore,
    request: S3Request[Members],
    permitted: list[Members],
    errors: list[Members],
) -> S3Response[Members]:
    # The digest of the document is of the one that came, so it does not go along.
    members = {name: request.input[name] for name in _PASSED_ON if name in request.input}
    delete = {**request.input["Delete"], "Objects": permitted}
    edited = request.replace(input={**members, "Delete": delete}, body=None)
    response = await inner.call(edited)
    output = dict(response.output)
    output["Errors"] = [*(output.get("Errors") or ()), *errors]
    return S3Response(output)


def _error_row(one: Members) -> Members:
    error = S3Error("AccessDenied")
    row = {"Key": one.get("Key", ""), "Code": error.code, "Message": error.message}
    return {**row, "VersionId": one["VersionId"]} if one.get("VersionId") else row
