import io
import zipfile

import pytest
from PIL import Image

from s3d.tui.demo import DemoAgent
from s3d.tui.preview.previews import Canvas, Previews, PreviewTarget
from tests.tui.conftest import InlineDecoder


class Holding(DemoAgent):
    def __init__(self, data):
        super().__init__()
        self.data, self.read = data, []

    async def read_range(self, path, start, size):
        self.read.append((start, size))
        return self.data[start : start + size]


async def previewed(key, data, level=0, size=None):
    agent = Holding(data)
    previews = Previews(agent, InlineDecoder())
    target = PreviewTarget("b", key, len(data) if size is None else size)
    return previews, agent, await previews.read(target, Canvas(), level=level)


async def test_an_empty_object_is_not_read():
    _, agent, preview = await previewed("a", b"")
    assert preview.drawing.kind == "empty"
    assert agent.read == []


async def test_more_is_read_after_what_was_read():
    data = b"line\n" * 400_000
    previews, agent, preview = await previewed("a.txt", data)
    assert preview.can_read_more
    more = await previews.read(preview.target, Canvas(), level=1, before=preview)
    most = await previews.read(preview.target, Canvas(), level=2, before=more)
    assert agent.read == [(0, 65_536), (65_536, 983_040), (1 << 20, len(data) - (1 << 20))]
    assert [each.read for each in (preview, more, most)] == [65_536, 1 << 20, len(data)]
    assert not most.can_read_more


async def test_the_list_of_an_archive_is_read_and_nothing_else():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("large", bytes(1 << 20))
    data = out.getvalue()
    _, agent, preview = await previewed("a.zip", data)
    assert preview.drawing.notes == ["1 entry, 1 MiB unpacked"]
    assert agent.read == [(len(data) - 65_536, 65_536)]


async def test_a_picture_is_read_to_its_end():
    out = io.BytesIO()
    Image.effect_noise((400, 400), 90).save(out, "PNG")
    data = out.getvalue()
    assert 64 << 10 < len(data) < 2 << 20
    _, agent, preview = await previewed("a.png", data)
    assert agent.read == [(0, 65_536), (65_536, len(data) - 65_536)]
    assert not preview.can_read_more


async def test_an_object_that_has_become_shorter_is_not_read_on():
    _, agent, preview = await previewed("a.txt", b"short", size=1 << 20)
    assert agent.read == [(0, 65_536)]
    assert not preview.can_read_more


async def test_it_is_drawn_again_without_reading():
    previews, agent, preview = await previewed("a.txt", b"text")
    drawn = await previews.draw(preview, Canvas(is_hex=True))
    assert drawn.drawing.kind == "bytes"
    assert len(agent.read) == 1


@pytest.mark.parametrize("key", ["a.zip", "a.parquet"])
async def test_a_name_that_promises_too_much(key):
    _, agent, preview = await previewed(key, b"just text\n" * 50_000)
    assert preview.drawing.notes == ["not what its name says"]
    assert len(agent.read) == 1
    assert preview.can_read_more
