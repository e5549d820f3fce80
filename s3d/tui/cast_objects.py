"""The objects and folders of the recording: the same bytes in every run."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path

_PICTURE = (192, 128)
_UPLOADS = 6
_UPLOAD_SIZE = 6 << 20
_STATES = ("shipped", "paid", "returned")
_CITIES = ("Lisbon", "Oslo", "Zürich", "Kraków", "Ghent")


def write_objects(home: Path) -> None:
    """Write the objects of two buckets to objects/, and the folders Pictures and notes."""
    reports, photos = home / "objects/reports/2026", home / "objects/photos"
    pictures, notes = home / "Pictures", home / "notes"
    for folder in (reports, photos, pictures, notes):
        folder.mkdir(parents=True)
    random_of = random.Random(1)
    orders = [
        {"id": 10_000 + n, "city": random_of.choice(_CITIES), "state": random_of.choice(_STATES),
         "total": round(random_of.uniform(5, 500), 2)}
        for n in range(40)
    ]  # fmt: skip
    rows = [",".join(map(str, order.values())) for order in orders]
    (reports / "orders.csv").write_text("\n".join([",".join(orders[0]), *rows]) + "\n", "utf-8")
    (reports / "orders.json").write_text(json.dumps(orders[:12], ensure_ascii=False), "utf-8")
    (reports / "summary.md").write_text("# Quarter 3\n\nOrders grew by 12 %.\n", "utf-8")
    (photos / "lake.png").write_bytes(_sunset(*_PICTURE))
    for number in range(_UPLOADS):
        (pictures / f"lake-{number + 1}.tiff").write_bytes(random_of.randbytes(_UPLOAD_SIZE))
    for name in ("ideas", "books", "travel"):
        (notes / f"{name}.md").write_text(f"# {name.title()}\n", "utf-8")


def _sunset(width: int, height: int) -> bytes:
    """A PNG: a sun above hills (https://www.w3.org/TR/png-3/)."""
    rows = []
    for y in range(height):
        row = bytearray(b"\0")
        for x in range(width):
            row += bytes(_color(x / width, y / height))
        rows.append(bytes(row))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _color(x: float, y: float) -> tuple[int, int, int]:
    if y > 0.78 - 0.12 * (1 - abs(2 * x - 0.7)):
        return 24, 56, 40
    if (x - 0.68) ** 2 * 2.25 + (y - 0.45) ** 2 < 0.02:
        return 255, 214, 110
    return round(70 + 170 * y), round(60 + 60 * y), round(130 - 40 * y)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
