"""supplement: its rows must name what the model has, or an upgrade of botocore made them idle."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from s3d.agent.s3 import supplement
from s3d.agent.s3.errors import ERRORS
from s3d.agent.s3.model import operations, service


@pytest.mark.parametrize(
    "names",
    [
        supplement.ROOTS,
        supplement.STATUSES,
        supplement.ADMIN_OBJECT_OPERATIONS,
        supplement.LIST_OPERATIONS,
        supplement.READ_BY_POST,
        supplement.WRITE_BUCKET_OPERATIONS,
        supplement.OFF_THE_TABLE,
        supplement.BODY_REQUIRED,
        supplement.MALFORMED,
    ],
)
def test_every_operation_named_is_in_the_model(names: frozenset[str]) -> None:
    assert set(names) <= operations().keys()


@pytest.mark.parametrize(
    "names",
    [
        supplement.LIST_LIMITS,
        supplement.REQUIRED_MEMBERS,
        supplement.STRICT_XML_ENUMS,
        supplement.HEADER_ENUMS,
        supplement.RANGES,
        supplement.VERBATIM,
        supplement.LENIENT_TIMES,
    ],
)
def test_every_shape_named_is_in_the_model(names: frozenset[str]) -> None:
    assert set(names) <= service().shapes.keys()


def test_every_enumeration_named_has_values() -> None:
    for name in {*supplement.HEADER_ENUMS, *supplement.STRICT_XML_ENUMS}:
        assert service().shapes[name].enum, name


def test_every_error_named_is_in_the_table() -> None:
    codes = {code for code, _ in supplement.HEADER_ENUMS.values()}
    assert codes | set(supplement.MALFORMED.values()) <= ERRORS.keys()


def test_the_empty_checksums_are_those_of_nothing() -> None:
    digests = [
        zlib.crc32(b"").to_bytes(4, "big"),
        bytes(8),
        hashlib.sha1(b"").digest(),
        hashlib.sha256(b"").digest(),
    ]
    assert {base64.b64encode(digest).decode() for digest in digests} == supplement.EMPTY_CHECKSUMS
