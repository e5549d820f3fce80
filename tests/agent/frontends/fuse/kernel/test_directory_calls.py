from __future__ import annotations

import os
import subprocess

from tests.agent.frontends.fuse.kernel.mounts import needs_fuse

pytestmark = needs_fuse


def test_ls_l_asks_for_nothing_after_the_listing(folder, files):
    for number in range(1000):
        files.create(f"/{number}", 0, 0o600)
    files.calls.clear()
    shown = subprocess.run(["ls", "-l", folder], check=True, capture_output=True, text=True)
    assert len(shown.stdout.splitlines()) == 1001
    assert files.calls["entries"] == 1000
    assert files.calls["get_attributes"] <= 4  # of the folder itself


def test_the_first_names_of_a_large_folder_need_not_all_others(folder, files):
    for number in range(10_000):
        files.create(f"/{number}", 0, 0o600)
    files.calls.clear()
    with os.scandir(folder) as entries:
        assert next(entries).name == "0"
        assert files.calls["entries"] < 2000
        assert sum(1 for _ in entries) == 9999


def test_rewinddir_begins_again(folder):
    for name in "abc":
        (folder / name).touch()
    descriptor = os.open(folder, os.O_DIRECTORY)
    assert sorted(os.listdir(descriptor)) == ["a", "b", "c"]
    (folder / "d").touch()
    assert sorted(os.listdir(descriptor)) == ["a", "b", "c", "d"]
    os.close(descriptor)


def test_fsync_of_a_folder_waits_for_the_names_in_it(folder, files):
    descriptor = os.open(folder, os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)
    assert files.calls["sync_directory"] == 1
