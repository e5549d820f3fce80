from __future__ import annotations

import pytest

from s3d.cli.copying import copy_location
from s3d.cli.copying.copy_location import CopyLocation, as_objects
from s3d.shared.errors import UsageError
from s3d.shared.mounting import ObjectPlace


class Mounts:
    """A session whose agent has a mount of all buckets at a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def mounts(self) -> Mounts:
        return self

    def locate(self, paths: list[str]) -> list[ObjectPlace | None]:
        below = [path.removeprefix(self._folder).strip("/") for path in paths]
        return [ObjectPlace(*each.partition("/")[::2]) for each in below]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> str:
    (tmp_path / "bkt" / "d").mkdir(parents=True)
    (tmp_path / "bkt" / "k").touch()
    monkeypatch.setattr(copy_location, "is_in_a_mount", lambda path: path.startswith(str(tmp_path)))
    return str(tmp_path)


def test_paths_in_a_mount_are_objects(folder):
    places = ["/elsewhere", "-", f"{folder}/bkt/k", f"{folder}/bkt/d", f"{folder}/bkt/new/"]
    shown = as_objects(
        Mounts(folder), [CopyLocation("", text) for text in places] + [CopyLocation("b", "k")]
    )
    assert shown == [
        CopyLocation("", "/elsewhere"),
        CopyLocation("", "-"),
        CopyLocation("bkt", "k"),
        CopyLocation("bkt", "d/"),
        CopyLocation("bkt", "new/"),
        CopyLocation("b", "k"),
    ]
    assert as_objects(Mounts(folder), [CopyLocation("", f"{folder}/bkt")]) == [
        CopyLocation("bkt", "")
    ]


def test_all_buckets_are_no_object(folder):
    with pytest.raises(UsageError, match="all buckets"):
        as_objects(Mounts(folder), [CopyLocation("", folder)])


def test_without_a_mount_no_agent_is_asked(folder):
    places = [CopyLocation("", "/elsewhere"), CopyLocation("b", "k")]
    assert as_objects(None, places) == places
