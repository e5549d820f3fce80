import pytest

from s3d.agent.s3.messages import BytesBody
from s3d.agent.sync.preview import preview
from s3d.agent.sync.sides import Unavailable
from s3d.shared.filters import Filter
from tests.agent.sync.conftest import BUCKET


async def previewed(setting, **settings):
    return {step.path: str(step.action) for step in await preview(setting(**settings))}


async def test_it_shows_the_first_pass_and_changes_nothing(setting, root, objects):
    await objects.put(BUCKET, "there", BytesBody(b"1"))
    await objects.put(BUCKET, "both", BytesBody(b"1"))
    root.mkdir(parents=True)
    (root / "here").touch()
    (root / "both").touch()
    assert await previewed(setting) == {"there": "download", "both": "compare", "here": "upload"}
    assert sorted(path.name for path in root.iterdir()) == ["both", "here"]


async def test_a_folder_that_is_not_there_stays_so(setting, root, objects):
    await objects.put(BUCKET, "there", BytesBody(b"1"))
    assert await previewed(setting) == {"there": "download"}
    assert not root.exists()


async def test_filter_and_ignore_file_count(setting, root, objects):
    root.mkdir(parents=True)
    for name in ("a.txt", "b.tmp", "c.log"):
        (root / name).touch()
    (root / ".s3dignore").write_text("*.log\n")
    terms = Filter.parse("!*/*.tmp")
    assert set(await previewed(setting, filter=terms)) == {".s3dignore", "a.txt"}


async def test_without_the_bucket_nothing_is_shown(setting, objects):
    await objects.delete_bucket(BUCKET)
    with pytest.raises(Unavailable, match="NoSuchBucket"):
        await preview(setting())
