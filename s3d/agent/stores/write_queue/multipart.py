"""Multipart uploads in the queue: created, filled and completed here, pushed as one write.

An upload that was created at the remote itself stays there to its end. ListMultipartUploads merges
both kinds: of one key the remote's uploads come first. Uploads that pushes have begun at the remote
are hidden.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Answer, operation
from s3d.agent.s3.conditions import check_write
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import etag_of_completion, same_etag
from s3d.agent.s3.listing import url_encode
from s3d.agent.s3.listing_merge import Run, merge_runs
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.answerer import WRITE_CONDITIONS
from s3d.agent.stores.write_queue.admission import Stage
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.push_order import TurnKind
from s3d.agent.stores.write_queue.object_writes import requires_remote, with_condition_of_push
from s3d.agent.stores.write_queue.settle import Settler, is_conditional

MAX_UPLOADS = 1_000

_FIRST = "0"
"""Sorts before every id of a staged upload."""
_LAST = "\U0010ffff"
"""Sorts after every key with a common prefix."""
_NAMES = ("Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")
_PAGING = ("EncodingType", "MaxUploads", "KeyMarker", "UploadIdMarker")
_REMOTE, _STAGED = 0, 1

Position = tuple[bytes, int]
"""Key or common prefix, and rank of the side: of one key the remote's uploads come first."""
Item = tuple[Position, Members | None]
"""An upload, or None for a common prefix."""
Begun = set[tuple[str, str]]
"""(key, id) of uploads that pushes have begun at the remote; id "": any of the key."""


class MultipartOps:
    """Handlers of one upload."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler

    @operation("CreateMultipartUpload")
    async def create(self, request: S3Request[Members]) -> S3Response[Members]:
        if request.context.bypass_queue or requires_remote(request):
            return await self._settler.forward(request)
        await self._stage.keys.check(request.bucket, request.key, request.context)
        return await self._stage.write(request, files=0)

    @operation("UploadPart")
    async def upload_part(self, request: S3Request[Members]) -> S3Response[Members]:
        if not self._is_staged(request):
            return await self._settler.forward(request)
        size = request.body.size if request.body is not None else 0
        if self._stage.admission.is_too_large(size):
            raise S3Error("EntityTooLarge", MaxSizeAllowed=self._stage.admission.limits.max_size)
        return await self._stage.write(request, size, files=0)

    @operation("ListParts")
    def list_parts(self, request: S3Request[Members]) -> Answer:
        if not self._is_staged(request):
            return self._settler.forward(request)
        return self._stage.call(request)

    @operation("AbortMultipartUpload")
    async def abort(self, request: S3Request[Members]) -> S3Response[Members]:
        """Afterwards writes that wait for room are admitted."""
        if not self._is_staged(request):
            return await self._settler.forward(request)
        response = await self._stage.call(request)
        self._stage.admission.admit_waiting()
        return response

    @operation("CompleteMultipartUpload")
    async def complete(self, request: S3Request[Members]) -> S3Response[Members]:
        """Complete a staged upload.

        A condition is checked against the remote once nothing is pending, and the answer waits for
        the push, so that a 200 means that the remote has the object. A repeated request with the
        same parts gets the same answer, whatever happened to the object since.
        """
        upload_id = str(request.input["UploadId"])
        answer = self._journal.completion(request.bucket, request.key, upload_id)
        if answer is not None:
            if not same_etag(str(answer["ETag"]), etag_of_completion(request.input)):
                raise S3Error("NoSuchUpload", UploadId=upload_id)
            if is_conditional(request):
                await self._settler.settle(request.bucket, request.key)
            return S3Response(answer)
        if not self._is_staged(request):
            return await self._settler.forward(request)
        if request.context.replaces is not None:
            request = with_condition_of_push(request)
        if not is_conditional(request):
            return await self._stage.write(request)
        response = await self._complete_if(request)
        await self._settler.settle(request.bucket, request.key)
        return response

    async def _complete_if(self, request: S3Request[Members]) -> S3Response[Members]:
        conditions = {
            name: request.input[name] for name in WRITE_CONDITIONS if request.input.get(name)
        }
        place = request.bucket, request.key
        async with self._settler.turn([place], TurnKind.CONDITIONAL, after=[place]):
            await self._check_conditions(request, conditions)
            # What was accepted since is staged, whereas all of before was pushed.
            members = {**request.input, "IfMatch": None, "IfNoneMatch": "*"}
            newest = self._journal.pending.newest(*place)
            if newest is not None and "IfMatch" in conditions:
                raise S3Error("PreconditionFailed")
            return await self._stage.write(request.replace(input=members))

    async def _check_conditions(
        self, request: S3Request[Members], conditions: Mapping[str, Any]
    ) -> None:
        """Raises PreconditionFailed, and ServiceUnavailable when the remote is unreachable."""
        members: Members = {"Bucket": request.bucket, "Key": request.key}
        try:
            head = await S3Client(self._settler.inner, request.context).call("HeadObject", members)
        except S3Error as error:
            if error.status != 404:
                raise
            check_write(conditions, None)
            return
        output = head.output
        modified = output["LastModified"].timestamp()
        check_write(conditions, (output["ETag"], modified, output["ContentLength"]))

    def _is_staged(self, request: S3Request[Any]) -> bool:
        upload_id = str(request.input["UploadId"])
        return self._journal.has_upload(request.bucket, request.key, upload_id)


class UploadListOps:
    """ListMultipartUploads."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._inner = settler.inner

    @operation("ListMultipartUploads")
    async def list_multipart_uploads(self, request: S3Request[Members]) -> S3Response[Members]:
        input = request.input
        limit, encoding = input.get("MaxUploads"), input.get("EncodingType")
        if (limit is not None and limit <= 0) or encoding not in (None, "", "url"):
            return await self._inner.call(request)
        size = min(MAX_UPLOADS, limit or MAX_UPLOADS)
        begun = await self._journal.uploads.begun(request.bucket)
        staged = _Pages(_STAGED, self._stage_pages(request), self._staged_marker(input))
        await staged.extend(size)
        if staged.run == Run([]) and not begun:
            answer = await self._inner.call(request)
            begun = await self._journal.uploads.begun(request.bucket)
            if not begun:
                return answer
        remote = _Pages(_REMOTE, self._remote_pages(request, begun), self._remote_marker(input))
        while True:
            merged: Run[Position, Members] = merge_runs(remote.run, staged.run, Run([]))
            if merged.end is None or len(merged.items) >= size:
                break
            # The side whose page ends first limits what can be merged.
            nearer = remote if remote.run.end == merged.end else staged
            await nearer.extend(size)
        more = merged.end is not None or len(merged.items) > size
        return S3Response(_output(input, list(merged.items[:size]), size, more=more))

    def _stage_pages(self, request: S3Request[Members]) -> _GetPage:
        fixed = {name: value for name, value in request.input.items() if name not in _PAGING}

        async def get_page(paging: Members) -> Members:
            try:
                answer = await self._stage.call(request.replace(input={**fixed, **paging}))
            except S3Error as error:
                if error.code != "NoSuchBucket":
                    raise
                return {}
            return dict(answer.output)

        return get_page

    def _remote_pages(self, request: S3Request[Members], begun: Begun) -> _GetPage:
        fixed = {name: value for name, value in request.input.items() if name not in _PAGING}

        async def get_page(paging: Members) -> Members:
            page = dict((await self._inner.call(request.replace(input={**fixed, **paging}))).output)
            # An upload that a push has begun meanwhile was saved before the remote had it.
            begun.update(await self._journal.uploads.begun(request.bucket))
            page["Uploads"] = [row for row in page.get("Uploads") or () if not _is_in(begun, row)]
            page["CommonPrefixes"] = [
                one
                for one in page.get("CommonPrefixes") or ()
                if await self._has_others(request, str(one["Prefix"]), begun)
            ]
            return page

        return get_page

    async def _has_others(self, request: S3Request[Members], group: str, begun: Begun) -> bool:
        """Whether the remote has an upload under a common prefix that no push has begun."""
        if not any(key.startswith(group) for key, _ in begun):
            return True
        passed_on = ("Bucket", "ExpectedBucketOwner", "RequestPayer")
        members = {name: request.input[name] for name in passed_on if request.input.get(name)}
        members["Prefix"] = group

        async def get_page(paging: Members) -> Members:
            page = dict((await self._inner.call(request.replace(input=members | paging))).output)
            begun.update(await self._journal.uploads.begun(request.bucket))
            page["Uploads"] = [row for row in page.get("Uploads") or () if not _is_in(begun, row)]
            return page

        pages = _Pages(_REMOTE, get_page, {"KeyMarker": ""})
        while not pages.run.items and pages.run.end is not None:
            await pages.extend(MAX_UPLOADS)
        return bool(pages.run.items)

    def _staged_marker(self, input: Members) -> Members:
        marker = {"KeyMarker": input.get("KeyMarker") or ""}
        if input.get("UploadIdMarker"):
            is_staged = self._is_staged(input)
            marker["UploadIdMarker"] = input["UploadIdMarker"] if is_staged else _FIRST
        return marker

    def _remote_marker(self, input: Members) -> Members:
        marker = {"KeyMarker": input.get("KeyMarker") or ""}
        if input.get("UploadIdMarker"):
            if not self._is_staged(input):
                marker["UploadIdMarker"] = input["UploadIdMarker"]
        elif _is_group(input, marker["KeyMarker"]):
            marker["KeyMarker"] += _LAST
        return marker

    def _is_staged(self, input: Members) -> bool:
        """Whether the marker is the id of a staged upload."""
        key, upload_id = str(input.get("KeyMarker") or ""), str(input["UploadIdMarker"])
        return self._journal.has_upload(str(input["Bucket"]), key, upload_id)


_GetPage = Callable[[Members], Awaitable[Members]]
"""Returns a page of a listing for the members of its start and length."""


class _Pages:
    """One of the two listings, as far as it was read."""

    def __init__(self, rank: int, get_page: _GetPage, marker: Members) -> None:
        start: Position = (str(marker["KeyMarker"]).encode(), -1)
        self.run: Run[Position, Members] = Run([], start)
        self._rank = rank
        self._get_page = get_page
        self._marker = marker

    async def extend(self, size: int) -> None:
        """Read the next page. Raises ServiceUnavailable for a page that has no valid marker."""
        paging = {name: value for name, value in self._marker.items() if value}
        page = await self._get_page({**paging, "MaxUploads": size})
        items: list[Item] = [
            ((str(row["Key"]).encode(), self._rank), dict(row)) for row in page.get("Uploads") or ()
        ]
        items += [
            ((str(one["Prefix"]).encode(), _REMOTE), None)
            for one in page.get("CommonPrefixes") or ()
        ]
        end = self._end(page) if page.get("IsTruncated") else None
        self.run = Run([*self.run.items, *sorted(items, key=lambda item: item[0])], end)

    def _end(self, page: Members) -> Position:
        before, key = self._marker, str(page.get("NextKeyMarker") or "")
        self._marker = {"KeyMarker": key, "UploadIdMarker": page.get("NextUploadIdMarker") or ""}
        if not key or self._marker == before:
            message = "The remote's listing of uploads is truncated but has no marker."
            raise S3Error("ServiceUnavailable", message)
        return key.encode(), self._rank


def _is_in(begun: Begun, row: Members) -> bool:
    return not {(str(row["Key"]), str(row["UploadId"])), (str(row["Key"]), "")}.isdisjoint(begun)


def _is_group(input: Members, marker: str) -> bool:
    """Whether the marker is a common prefix that ended a page."""
    prefix, delimiter = str(input.get("Prefix") or ""), str(input.get("Delimiter") or "")
    if not delimiter or not marker.startswith(prefix):
        return False
    found = marker.find(delimiter, len(prefix))
    return found >= 0 and found + len(delimiter) == len(marker)


def _output(input: Members, items: list[Item], size: int, *, more: bool) -> Members:
    output: Members = {
        "Bucket": input["Bucket"],
        "Prefix": input.get("Prefix") or "",
        "KeyMarker": input.get("KeyMarker") or "",
        "UploadIdMarker": (input.get("KeyMarker") and input.get("UploadIdMarker")) or "",
        "MaxUploads": size,
        "IsTruncated": more,
        **{name: input[name] for name in ("Delimiter", "EncodingType") if input.get(name)},
    }
    uploads: list[dict[str, Any]] = [row for _, row in items if row is not None]
    groups: list[Members] = [{"Prefix": place[0].decode()} for place, row in items if row is None]
    if more and items:
        (key, _), last = items[-1]
        output["NextKeyMarker"] = key.decode()
        if last is not None:
            output["NextUploadIdMarker"] = last["UploadId"]
    if input.get("EncodingType") == "url":
        output |= {name: url_encode(output[name]) for name in _NAMES if output.get(name)}
        uploads = [{**row, "Key": url_encode(row["Key"])} for row in uploads]
        groups = [{"Prefix": url_encode(one["Prefix"])} for one in groups]
    if uploads:
        output["Uploads"] = uploads
    if groups:
        output["CommonPrefixes"] = groups
    return output
