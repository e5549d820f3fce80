from dataclasses import replace

import pytest

from s3d.agent.sync.opened import own_paths


@pytest.mark.finding("F9")
def test_what_waits_to_be_pushed_is_known_by_its_path(setting):
    waiting = replace(setting(prefix="p/"), pending=lambda: ("p/a", "p/b/c"))
    assert list(own_paths(waiting)) == ["a", "b/c"]
