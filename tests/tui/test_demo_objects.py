import pytest

from s3d.tui.demo_objects import object_bytes, object_size
from s3d.tui.preview.decode import decode
from s3d.tui.preview.object_parts import DecodeRequest, Part


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("photos/IMG_0001.jpg", "PNG 96 x 64"),
        ("index.json", "JSON"),
        ("sizes.csv", "CSV"),
        ("data.bin", "bytes"),
        ("readme.txt", "text"),
        ("key-000123", "text"),
    ],
)
def test_each_is_what_its_name_says_and_as_long_as_its_size(key, kind):
    data = object_bytes(key)
    assert len(data) == object_size(key)
    drawing = decode(DecodeRequest(key, len(data), [Part(0, data)]))
    assert (drawing.kind, drawing.missing) == (kind, [])


def test_sizes_differ():
    assert len({object_size(f"IMG_{number:04}.jpg") for number in range(1, 13)}) == 12
