import pytest

from s3d.shared.blocking_check import check
from s3d.shared.errors import NotRunningError


def test_pages_are_asked_for_to_the_last(agent):
    agent.client.create_bucket("bucket")
    pages = list(check(agent.places.socket, repair=False))
    assert pages[-1].cursor == ""
    assert all(page.cursor for page in pages[:-1])
    assert [damage for page in pages for damage in page.damage] == []


def test_without_an_agent_nothing_is_asked(tmp_path):
    with pytest.raises(NotRunningError):
        next(check(tmp_path / "agent.sock", repair=False))
