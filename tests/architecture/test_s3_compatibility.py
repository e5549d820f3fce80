"""docs/s3-compatibility.md says what the tables say, and no header is dropped silently."""

from __future__ import annotations

import re

import pytest

from s3d.agent.s3.model import operations, service
from tests.architecture.s3_compatibility import (
    DOCUMENT,
    HEADERS,
    KEPT,
    OPERATION_NOTES,
    REFUSED,
    document,
    handled,
    of_embedded,
    request_members,
)
from tests.architecture.s3_features import FEATURES, Feature
from tests.architecture.source import MODULES, ROOT

COMPOSED = ("Checksum", "CopySourceIf", "Grant", "SourceIf")
"""Beginnings of members whose names are composed where they are read."""
ENCRYPTION = ("CopySourceSSECustomer", "SSECustomer")
"""Those of customer keys, with which the embedded store refuses or encrypts."""
READERS = (
    "s3d.agent.s3",
    "s3d.agent.stores.local",
    "s3d.agent.frontends.http",
    "s3d.agent.stores.access",
)
"""Packages in which a member is read by its name."""
SOURCES = "\n".join(file.read_text() for name, file in MODULES.items() if name.startswith(READERS))


def test_the_document_is_up_to_date() -> None:
    """`make docs` writes it again."""
    assert DOCUMENT.read_text() == document()


def test_notes_and_headers_are_of_the_model() -> None:
    assert OPERATION_NOTES.keys() <= operations().keys()
    assert HEADERS.keys() <= request_members().keys()


@pytest.mark.parametrize("header", request_members())
def test_a_header_is_read_or_it_is_in_the_table(header: str) -> None:
    member, names = request_members()[header]
    if header in HEADERS or not handled("local").intersection(names):
        return
    if all(of_embedded(operations()[name]) in (KEPT, REFUSED) for name in names):
        return
    is_read = re.search(rf'"{member}"|"{re.escape(header)}"', SOURCES) is not None
    is_read = is_read or member.startswith((*COMPOSED, *ENCRYPTION))
    assert is_read, f"{header} ({member} of {', '.join(names)}) is read by nobody"


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_has_tests(feature: Feature) -> None:
    assert "def test_" in (ROOT / "tests" / feature.tests).read_text()


def test_every_operation_has_one_word() -> None:
    for op in operations().values():
        assert of_embedded(op) in ("enforced", KEPT, REFUSED)
        assert service().operations[op.name]
