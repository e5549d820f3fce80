import pytest

from s3d.shared.control import ObjectInfo
from s3d.tui.deleted_objects import deleted_in


def version(key, id, at=0.0):
    return ObjectInfo("b", key, 5, '"e"', at, version_id=id)


def marker(key, at, *, is_latest=True):
    return ObjectInfo("b", key, 0, "", at, version_id="m", is_latest=is_latest)


VERSIONS = [
    version("p/back", "3"), version("p/back", "1"), version("p/d/x", "7"),
    version("p/gone", "8", 3.0), version("p/gone", "6"), version("p/here", "2"),
    marker("p/back", 2.0, is_latest=False), marker("p/d/x", 9.0), marker("p/gone", 5.0),
    marker("p/gone", 4.0, is_latest=False), marker("p/never", 1.0),
]  # fmt: skip


@pytest.mark.finding("tui-30")
def test_what_only_a_marker_is_left_of_is_deleted():
    found = deleted_in(VERSIONS, ("b", "p/"), deep=False)
    assert [(info.key, info.size, info.last_modified) for info in found.objects] == [
        ("p/gone", 5, 5.0)
    ]
    assert found.prefixes == ["p/d/"]
    assert found.versions == {"p/d/x": "7", "p/gone": "8"}


def test_rows_stand_for_keys_and_for_all_below():
    found = deleted_in(VERSIONS, ("b", "p/"), deep=False)
    assert found.below(["p/gone"]) == [("p/gone", "8")]
    assert found.below(["p/d/", "p/here"]) == [("p/d/x", "7")]


def test_a_deep_listing_has_no_prefixes():
    found = deleted_in(VERSIONS, ("b", "p/"), deep=True)
    assert [info.key for info in found.objects] == ["p/d/x", "p/gone"]
    assert found.prefixes == []
