"""Hypothesis strategies for the members of an operation, from the shapes of the installed model.

botocore is the oracle, and knows nothing of what newest_api.json adds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from hypothesis import strategies as st

from s3d.agent.s3 import model_overrides
from s3d.agent.s3.model import Member, Service, Shape, installed

Values = st.SearchStrategy[Any]


@cache
def oracle() -> Service:
    """The model of the installed botocore."""
    return installed()


NOT_ASKED = frozenset(
    {
        "ChecksumAlgorithm",  # makes botocore add trailers
        "ContentLength",  # botocore's own
        "ContentMD5",
        "CopySourceSSECustomerKey",  # botocore encodes keys and adds their MD5
        "CopySourceSSECustomerKeyMD5",
        "EncodingType",  # makes botocore decode what it reads
        "SSECustomerKey",
        "SSECustomerKeyMD5",
    }
)
"""Members that botocore's client does not hand over as they are."""

header_text = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12
).map(lambda text: text[:6] + " " + text[6:] if len(text) > 6 else text)
query_text = st.text(
    st.characters(min_codepoint=0x20, exclude_categories=("Cs", "Cc")), min_size=1, max_size=12
)
xml_text = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t").filter(
        lambda c: c not in "\ufffe\uffff"
    ),
    max_size=12,
)
metadata = st.dictionaries(
    st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True), header_text, min_size=1, max_size=3
)
times = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
buckets = st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}[a-z0-9]", fullmatch=True)
keys = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
    lambda key: ".." not in key
)

SPECIAL: dict[str, Values] = {
    "BucketName": buckets,
    "CopySource": st.just("source-bucket/some/key"),
    "Policy": st.just('{"Version": "2012-10-17"}'),
}
"""By the name of a shape."""


@cache
def inputs(name: str) -> Values:
    """Inputs of the named operation that botocore sends as they are."""
    shape = oracle().input_of(name)
    return structures(
        shape, (shape.payload or "",) if name in model_overrides.BODY_REQUIRED else ()
    )


@cache
def outputs(name: str) -> Values:
    """Outputs of the named operation, without a streaming body."""
    return structures(oracle().output_of(name))


def structures(shape: Shape, needed: tuple[str, ...] = ()) -> Values:
    required: dict[str, Values] = {}
    optional: dict[str, Values] = {}
    for name, member in shape.members.items():
        if name in NOT_ASKED or member.streaming or _shape(member).eventstream:
            continue
        chosen = required if name in (*shape.required, *needed) else optional
        chosen[name] = _member(member)
    return st.fixed_dictionaries(required, optional=optional)


def _shape(member: Member) -> Shape:
    return oracle().shapes[member.shape]


def _member(member: Member) -> Values:
    shape = _shape(member)
    if member.shape in SPECIAL:
        return SPECIAL[member.shape]
    if member.location == "uri":
        return keys
    if member.location == "headers":
        return metadata
    if shape.member:
        return _lists(member, shape)
    if shape.type == "structure":
        return structures(shape, model_overrides.REQUIRED_MEMBERS.get(member.shape, ()))
    return _scalars(member, shape)


def _lists(member: Member, shape: Shape) -> Values:
    assert shape.member
    items = (
        _member(shape.member)
        if member.location is None
        else _scalars(shape.member, _shape(shape.member))
    )
    is_bare = member.location is not None or member.flattened or shape.flattened
    return st.lists(items, min_size=1 if is_bare else 0, max_size=2)


def _scalars(member: Member, shape: Shape) -> Values:
    if member.shape in model_overrides.VERBATIM:
        return times
    if shape.enum:
        return st.sampled_from(shape.enum)
    low, high = model_overrides.RANGES.get(member.shape, (0, 2**31 - 1))
    return {
        "string": {"header": header_text, "querystring": query_text}.get(
            member.location or "", xml_text
        ),
        "integer": st.integers(low, high),
        "long": st.integers(0, 2**63 - 1),
        "boolean": st.booleans(),
        "timestamp": times,
    }[shape.type]
