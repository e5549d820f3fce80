"""event_names: which types of events a configuration selects."""

from __future__ import annotations

import pytest

from s3d.agent.s3.event_names import (
    ACL_PUT,
    CREATED_COPY,
    CREATED_PUT,
    EMITTED,
    EXPIRED,
    REMOVED,
    matching,
    selected,
    version_of,
)


def test_a_wildcard_selects_its_family():
    created = matching("s3:ObjectCreated:*")
    assert created == {name for name in EMITTED if name.startswith("ObjectCreated:")}
    assert len(created) == 4


def test_a_full_name_selects_itself():
    assert matching("s3:ObjectCreated:Copy") == {CREATED_COPY}
    assert matching("s3:LifecycleTransition") == {"LifecycleTransition"}


@pytest.mark.parametrize(
    "selector", ["", "s3:", "s3:*", "ObjectCreated:Put", "s3:ObjectCreated", "s3:ObjectCreated*"]
)
def test_what_s3_does_not_have_selects_nothing(selector):
    assert matching(selector) == frozenset()


def test_selectors_add_up():
    assert selected(["s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete"]) == {CREATED_PUT, REMOVED}


def test_newer_types_have_a_newer_version():
    assert [version_of(name) for name in (CREATED_PUT, REMOVED)] == ["2.1", "2.1"]
    assert [version_of(name) for name in (EXPIRED, ACL_PUT)] == ["2.3", "2.3"]
