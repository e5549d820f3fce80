"""What may be kept; the filter and the policy: tests/agent/selection and tests/gateway."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.read_cache import eligibility


async def test_a_reader_does_not_wait_for_ever_for_tags(rig, monkeypatch):
    monkeypatch.setattr(eligibility, "TAGS_PATIENCE", 0.01)
    await rig.there.put("bbb", "k", b"data", Tagging="a=1")
    rig.remote.mute = "GetObjectTagging"
    assert await rig.s3.read("bbb", "k") == b"data"


@pytest.mark.parametrize(("tag", "is_kept"), [("none", False), ("pin", True), ("other", True)])
async def test_the_tag_of_an_object_decides(rig, tag, is_kept):
    marks = []
    rig.cache.on_mark = lambda *mark: marks.append(mark)
    await rig.there.put("bbb", "k", b"data", Tagging=f"s3d.cache={tag}")
    assert await rig.s3.read("bbb", "k") == b"data"
    assert (rig.cache.catalog.peek("bbb", "k") is not None) is is_kept
    assert marks == [("bbb", "k", tag)]


async def test_what_the_rules_cannot_decide_is_not_kept(rig):
    class UsePolicy:
        async def exclusion_reason(self, subject, *, overruled):
            raise S3Error("ServiceUnavailable")

    rig.cache.eligibility.rules = UsePolicy()
    await rig.there.put("bbb", "k", b"data")
    assert await rig.s3.read("bbb", "k") == b"data"
    assert rig.cache.catalog.peek("bbb", "k") is None
