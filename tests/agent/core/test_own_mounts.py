from __future__ import annotations

from pathlib import Path

import pytest

from s3d.agent.core.own_mounts import MountedPlace, OwnMounts, split_at

MOUNT = Path("/home/u/S3")


def reader(links: dict[str, str], seen: list[str]):
    def readlink(path: str) -> str:
        seen.append(path)
        if path not in links:
            raise OSError
        return links[path]

    return readlink


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/home/u/S3", ()),
        ("/home/u/S3/b/k", ("b", "k")),
        ("/home/u/S3/b/../c", ("c",)),
        ("/home/u/x/../S3/b", ("b",)),
        ("/home/u/link/k", ("b", "k")),
        ("/home/u/relative/k", ("b", "k")),
        ("/home/u/S3/../S3/b", ("b",)),
        ("/home/u/S3x/b", None),
        ("/home/u/S3/../other", None),
        ("/home/u", None),
        ("/", None),
        ("/home/u/loop/x", None),
    ],
)
def test_a_path_leads_into_a_mount_or_not(path, names):
    links = {
        "/home/u/link": "/home/u/S3/b",
        "/home/u/relative": "../u/S3/b",
        "/home/u/loop": "/home/u/loop",
    }
    seen: list[str] = []
    found = split_at(path, [MOUNT], readlink=reader(links, seen))
    assert found == (None if names is None else (MOUNT, names))
    assert not [one for one in seen if Path(one).is_relative_to(MOUNT)]


def test_a_mount_says_what_its_paths_show():
    own = OwnMounts()
    assert own.locate("/home/u/S3/b") is None
    own.add(MOUNT, lambda names: MountedPlace(names[0], "/".join(names[1:])))
    assert own.locate("/home/u/S3/b/k/l") == ("b", "k/l")
    assert own.contains(MOUNT)
    assert not own.contains("/home/u")
    assert own.folders == (MOUNT,)
    own.remove(MOUNT)
    assert own.locate("/home/u/S3/b/k") is None
