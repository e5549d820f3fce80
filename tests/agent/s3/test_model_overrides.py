"""Each row of the tables names what the model has: an upgrade of botocore leaves none idle."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from s3d.agent.s3 import model_overrides
from s3d.agent.s3.errors import ERRORS
from s3d.agent.s3.model import operations, service


@pytest.mark.parametrize(
    "names",
    [
        model_overrides.ROOTS,
        model_overrides.STATUSES,
        model_overrides.ADMIN_OBJECT_OPERATIONS,
        model_overrides.LIST_OPERATIONS,
        model_overrides.READ_BY_POST,
        model_overrides.WRITE_BUCKET_OPERATIONS,
        model_overrides.OFF_THE_TABLE,
        model_overrides.BODY_REQUIRED,
        model_overrides.MALFORMED,
    ],
)
def test_every_operation_named_is_in_the_model(names: frozenset[str]) -> None:
    assert set(names) <= operations().keys()


@pytest.mark.parametrize(
    "names",
    [
        model_overrides.LIST_LIMITS,
        model_overrides.REQUIRED_MEMBERS,
        model_overrides.STRICT_XML_ENUMS,
        model_overrides.HEADER_ENUMS,
        model_overrides.RANGES,
        model_overrides.VERBATIM,
        model_overrides.LENIENT_TIMES,
    ],
)
def test_every_shape_named_is_in_the_model(names: frozenset[str]) -> None:
    assert set(names) <= service().shapes.keys()


def test_every_enumeration_named_has_values() -> None:
    for name in {*model_overrides.HEADER_ENUMS, *model_overrides.STRICT_XML_ENUMS}:
        assert service().shapes[name].enum, name


def test_every_error_named_is_in_the_table() -> None:
    codes = {code for code, _ in model_overrides.HEADER_ENUMS.values()}
    assert codes | set(model_overrides.MALFORMED.values()) <= ERRORS.keys()


def test_the_empty_checksums_are_those_of_nothing() -> None:
    digests = [
        zlib.crc32(b"").to_bytes(4, "big"),
        bytes(8),
        hashlib.sha1(b"").digest(),
        hashlib.sha256(b"").digest(),
    ]
    assert {
        base64.b64encode(digest).decode() for digest in digests
    } == model_overrides.EMPTY_CHECKSUMS
