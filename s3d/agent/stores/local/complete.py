"""Completes a multipart upload from its parts: selection, ETag and checksum. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from s3d.agent.s3 import checksums
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import unquoted
from s3d.agent.s3.part_sizes import MIN_PART
from s3d.agent.storage.records import (
    Checksum,
    Layout,
    ObjectRecord,
    PartRecord,
    PartSize,
    UploadRecord,
)


def checksum_of_upload(input: Mapping[str, Any]) -> tuple[str, str]:
    """The (algorithm, kind) that CreateMultipartUpload requests; ("", "") for none."""
    algorithm = str(input.get("ChecksumAlgorithm") or "").upper()
    kind = str(input.get("ChecksumType") or "").upper()
    if not algorithm:
        if kind:
            message = "The x-amz-checksum-type header can only be used with the "
            raise S3Error("InvalidRequest", message + "x-amz-checksum-algorithm header.")
        return "", ""
    row = checksums.ALGORITHMS.get(algorithm)
    if row is None:
        raise S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.")
    kinds = row.kinds
    if kind and kind not in kinds:
        message = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum "
        raise S3Error("InvalidRequest", f"{message}algorithm.")
    return algorithm, kind or kinds[0]


def wanted_parts(input: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parts that CompleteMultipartUpload lists; of a repeated number the last one counts.

    A part that is sent twice may be listed twice: the client cannot know which of two overlapping
    uploads of one part has won. Raises MalformedXML, InvalidPartOrder.
    """
    parts = list((input.get("MultipartUpload") or {}).get("Parts") or ())
    if not parts or any(p.get("PartNumber") is None or not p.get("ETag") for p in parts):
        raise S3Error("MalformedXML")
    if any(one["PartNumber"] > other["PartNumber"] for one, other in pairwise(parts)):
        raise S3Error("InvalidPartOrder")
    return list({part["PartNumber"]: part for part in parts}.values())


def choose(
    parts: Sequence[PartRecord], requested: Sequence[Mapping[str, Any]], upload: UploadRecord
) -> list[PartRecord]:
    """The stored parts that the client lists.

    Raises InvalidPart, EntityTooSmall, and InvalidRequest for a part without its checksum, which a
    composite checksum needs.
    """
    known = {part.number: part for part in parts}
    chosen = []
    for one in requested:
        part = known.get(one["PartNumber"])
        if part is None or unquoted(part.etag) != unquoted(one["ETag"]) or _differs(part, one):
            raise S3Error(
                "InvalidPart",
                UploadId=upload.id,
                PartNumber=one["PartNumber"],
                ETag=unquoted(one["ETag"]),
            )
        if upload.checksum_kind == checksums.COMPOSITE:
            _check_named(upload.checksum_algorithm, one)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < MIN_PART:
            raise S3Error(
                "EntityTooSmall",
                ProposedSize=part.size,
                MinSizeAllowed=MIN_PART,
                PartNumber=part.number,
                ETag=unquoted(part.etag),
            )
    return chosen


def check_size(chosen: Sequence[PartRecord], input: Mapping[str, Any]) -> None:
    """Raises InvalidRequest when the client declares another size."""
    promised, size = input.get("MpuObjectSize"), sum(part.size for part in chosen)
    if promised is not None and int(promised) != size:
        message = f"The provided 'x-amz-mp-object-size' header value {promised} does not match "
        raise S3Error("InvalidRequest", f"{message}what was computed: {size}")


def checksum_of_object(
    upload: UploadRecord, chosen: Sequence[PartRecord], input: Mapping[str, Any]
) -> Checksum | None:
    """The checksum of the whole, made of those of the parts.

    Raises BadDigest when the client expects another, InvalidRequest when it expects another kind.
    """
    algorithm, kind = upload.checksum_algorithm, upload.checksum_kind
    asked = input.get("ChecksumType")
    if asked and asked != kind:
        message = f"The upload was created using the {kind or 'null'} checksum mode. "
        raise S3Error(
            "InvalidRequest", f"{message}The complete request must use the same checksum mode."
        )
    if not algorithm:
        algorithm, kind = _implied(input, chosen) or _computed(chosen)
    if not algorithm:
        return None
    known = [part.checksum.value for part in chosen if part.checksum is not None]
    if kind == checksums.FULL_OBJECT:
        value = checksums.full_object(algorithm, zip(known, [p.size for p in chosen], strict=True))
    else:
        value = checksums.composite(algorithm, [base64.b64decode(one) for one in known])
    _check_promised(input, algorithm, value)
    return Checksum(algorithm, value, kind)


def _implied(input: Mapping[str, Any], chosen: Sequence[PartRecord]) -> tuple[str, str] | None:
    """The (algorithm, kind) that the client promises for an upload created without; None if it
    promises none.

    Raises InvalidRequest for one that the parts do not have: it could not be checked.
    """
    for row in checksums.ALGORITHMS.values():
        promised = input.get(row.member)
        if promised is None:
            continue
        if any(part.checksum is None or part.checksum.algorithm != row.name for part in chosen):
            raise S3Error(
                "InvalidRequest",
                f"The upload was created without the {row.name.lower()} checksum algorithm, and "
                "not all of its parts have that checksum.",
            )
        return row.name, checksums.COMPOSITE if "-" in str(promised) else row.kinds[-1]
    return None


def _computed(chosen: Sequence[PartRecord]) -> tuple[str, str]:
    """The (algorithm, kind) of an upload that came without checksums: that which the store computes
    for such parts. ("", ""): some of them came with another, or are of an older s3d."""
    for part in chosen:
        if part.checksum is None or part.checksum.algorithm != checksums.DEFAULT:
            return "", ""
    return checksums.DEFAULT, checksums.FULL_OBJECT


def _check_promised(input: Mapping[str, Any], algorithm: str, value: str) -> None:
    """Raise BadDigest unless what the client says of the whole object is true.

    A composite checksum may come without the number of parts behind it.
    """
    for each in checksums.ALGORITHMS.values():
        promised = input.get(each.member)
        if promised is None:
            continue
        digest, dash, count = str(promised).partition("-")
        if not checksums.is_digest(each, digest) or (dash and not count.isdecimal()):
            raise S3Error("InvalidRequest", f"Value for {each.header} header is invalid.")
        if each.name != algorithm or promised not in (value, value.partition("-")[0]):
            message = f"The {each.name} you specified did not match the calculated checksum."
            raise S3Error("BadDigest", message)


def assemble(
    upload: UploadRecord, chosen: Sequence[PartRecord], checksum: Checksum | None
) -> tuple[ObjectRecord, Layout]:
    """The object record, which references the parts' bytes in place."""
    md5s = [bytes.fromhex(unquoted(part.etag)) for part in chosen]
    record = ObjectRecord(
        key=upload.key,
        size=sum(part.size for part in chosen),
        etag=f'"{checksums.multipart_etag(md5s)}"',
        storage_class=upload.storage_class,
        description=upload.description,
        checksum=checksum,
        upload_id=upload.id,
        owner=upload.owner,
        encryption=upload.encryption,
    )
    sizes = tuple(
        PartSize(part.number, part.size, part.checksum.value if part.checksum else "")
        for part in chosen
    )
    extents = tuple(extent for part in chosen for extent in part.extents)
    return record, Layout(extents, parts=sizes)


def _check_named(algorithm: str, one: Mapping[str, Any]) -> None:
    if not one.get(checksums.member_of(algorithm)):
        raise S3Error(
            "InvalidRequest",
            f"The upload was created using a {algorithm.lower()} checksum. The complete request "
            "must include the checksum for each part. It was missing for part "
            f"{one['PartNumber']} in the request.",
        )


def _differs(part: PartRecord, one: Mapping[str, Any]) -> bool:
    """Whether the list has a checksum that differs from the part's."""
    for algorithm in checksums.ALGORITHMS:
        named = one.get(checksums.member_of(algorithm))
        if named is not None and (
            part.checksum is None
            or part.checksum.algorithm != algorithm
            or part.checksum.value != named
        ):
            return True
    return False
