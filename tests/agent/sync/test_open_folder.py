from dataclasses import replace

import pytest

from s3d.agent.sync.open_folder import own_paths


@pytest.mark.finding("F9")
def test_what_waits_to_be_pushed_is_known_by_its_path(settings):
    waiting = replace(settings(prefix="p/"), pending=lambda: ("p/a", "p/b/c"))
    assert list(own_paths(waiting)) == ["a", "b/c"]
