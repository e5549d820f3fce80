"""The part map: what a crash leaves of it is true."""

import os

import pytest

from s3d.agent.large_objects.part_map import MapName, PartMap

HEADER = {"etag": '"e"', "size": 12}


@pytest.fixture
def name(tmp_path):
    return MapName(str(tmp_path / "map"))


def noted(name):
    part_map = PartMap.begin(name, HEADER)
    part_map.add(2, "two")
    part_map.add(10_000)
    part_map.close()


def test_a_map_is_read_again(name):
    noted(name)
    part_map = PartMap.read(name)
    assert part_map.header == HEADER
    assert part_map.parts == {2: "two", 10_000: ""}
    part_map.add(3)
    part_map.close()
    assert PartMap.read(name).parts == {2: "two", 10_000: "", 3: ""}


def test_a_cut_or_damaged_line_ends_the_map_and_further_parts_follow(name):
    noted(name)
    with open(name.name, "rb+") as file:
        data = file.read()
        for end in range(len(data) - 1, data.index(b"\n") + 1, -1):
            file.truncate(end)
            part_map = PartMap.read(name)
            assert part_map.parts.items() <= {2: "two", 10_000: ""}.items()
            part_map.add(7, "seven")
            part_map.close()
            assert PartMap.read(name).parts[7] == "seven"
            file.seek(0)
            file.write(data)
        file.seek(len(data) - 4)
        file.write(b"\0\0")
    assert PartMap.read(name).parts == {2: "two"}


def test_another_file_is_no_map(name):
    assert PartMap.read(name) is None
    for data in (b"", b"\0" * 100, b"hello\n", b"3aaa92a8 5\n"):
        with open(name.name, "wb") as file:
            file.write(data)
        assert PartMap.read(name) is None


def test_a_map_of_a_newer_version_is_not_used(name, monkeypatch):
    monkeypatch.setattr("s3d.agent.large_objects.part_map.VERSION", 2)
    noted(name)
    monkeypatch.undo()
    assert PartMap.read(name) is None


def test_a_new_map_replaces_the_old_one_and_can_be_removed(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    name = MapName("map", folder)
    noted(name)
    part_map = PartMap.begin(name, {"etag": "other"})
    assert PartMap.read(name).parts == {}
    part_map.remove()
    assert PartMap.read(name) is None
    os.close(folder)
